import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { BlockList, isIP, type Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import type { RequestFacts } from '../gate.ts'

/** Which peers may say for whom they ask. */
export interface ProxyTrust {
  (address: string): boolean
  /** Hears once of a request that somebody passed on whom nobody trusts; gone then, so that the next ones cost nothing. */
  stranger?: ((header: string, peer: string) => void) | undefined
}

/** Addresses of trusted proxies remembered at most. */
const mostRemembered = 1_000

/** @param cidrs addresses and CIDRs; none = nobody is believed */
export function createProxyTrust(cidrs: readonly string[]): ProxyTrust {
  if (cidrs.length === 0) return () => false
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [address = '', bits] = cidr.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  const check = (address: string): boolean => {
    const plain = unmapped(address)
    const version = isIP(plain)
    return version !== 0 && list.check(plain, version === 6 ? 'ipv6' : 'ipv4')
  }
  // Proxies are few, and asked about at every request.
  const known = new Map<string, boolean>()
  return (address) => {
    const remembered = known.get(address)
    if (remembered !== undefined) return remembered
    const trusted = check(address)
    if (trusted && known.size < mostRemembered) known.set(address, trusted)
    return trusted
  }
}

/** What the gate is told about a request, with who asks and our id for it. */
export function factsOf(request: FastifyRequest, trust: ProxyTrust): RequestFacts {
  const { raw } = request
  const address = addressOf(raw, trust)
  const { method = 'GET', headers, rawHeaders } = raw
  // As it was sent, whatever a host app makes of it (`rewriteUrl`).
  const url = request.originalUrl
  return address === undefined
    ? { method, headers, rawHeaders, reqId: request.id, message: raw, url }
    : { method, headers, rawHeaders, reqId: request.id, address, message: raw, url }
}

/** What proxies say of whom they ask for, as people write it. */
const forwardedHeaders = [
  ['x-forwarded-for', 'X-Forwarded-For'],
  ['x-forwarded-proto', 'X-Forwarded-Proto'],
  ['forwarded', 'Forwarded'],
] as const

/** For the operator whose proxy it is. What the header says is not in it: anybody can write one. */
export function strangerSentence(header: string, peer: string): string {
  return `${header} came from ${peer}, which is not in trustedProxies: it is not believed. If that is a proxy of yours, name it there; until then everybody behind it counts as one client, in the log and in the limits on guessing.`
}

/** @param peer one that is not trusted */
function lookForStranger(peer: string, headers: IncomingHttpHeaders, trust: ProxyTrust): void {
  for (const [name, written] of forwardedHeaders) {
    if (headers[name] === undefined) continue
    const { stranger } = trust
    trust.stranger = undefined
    stranger?.(written, peer)
    return
  }
}

export function addressOf({ socket, headers }: IncomingMessage, trust: ProxyTrust): string | undefined {
  return clientAddress(socket.remoteAddress, headers, trust)
}

/** Who is at the other end of a connection, a proxy of ours or not. */
export function peerAddress({ remoteAddress }: Pick<Socket, 'remoteAddress'>): string | undefined {
  return remoteAddress === undefined ? undefined : unmapped(remoteAddress)
}

/**
 * The nearest address that is not a trusted proxy, read from the right: what stands further left was written by the
 * client itself (security.md LG-03).
 */
function clientAddress(peer: string | undefined, headers: IncomingHttpHeaders, trust: ProxyTrust): string | undefined {
  if (peer === undefined) return undefined
  if (!trust(peer)) {
    const plain = unmapped(peer)
    if (trust.stranger !== undefined) lookForStranger(plain, headers, trust)
    return plain
  }
  const forwarded: string | string[] | undefined = headers['x-forwarded-for']
  if (forwarded === undefined) return unmapped(peer)
  const hops = (Array.isArray(forwarded) ? forwarded.join(',') : forwarded).split(',').map((hop) => hop.trim())
  const client = hops.findLast((hop) => !trust(hop)) ?? hops[0]
  return client === undefined || isIP(client) === 0 ? unmapped(peer) : client
}

/** A dual-stack listener sees IPv4 peers as `::ffff:127.0.0.1`. */
function unmapped(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address
}
