import { lookup } from 'node:dns/promises'
import { connect as connectTcp, isIP } from 'node:net'
import { connect as connectTls, type PeerCertificate } from 'node:tls'
import { errorCode } from '../../base/error-code.ts'

/** How far one gets on the way to an address, each step by itself, so that the one that fails can be named. */
export type Reached =
  | { readonly ok: true; readonly addresses: readonly string[]; readonly certificate: Certificate | undefined }
  | {
      readonly ok: false
      readonly step: 'DNS' | 'TCP' | 'TLS'
      readonly code: string
      readonly certificate?: Certificate
    }

export interface Certificate {
  /** Milliseconds since the epoch. */
  readonly validTo: number
  /** Why it is not believed; undefined = it is. */
  readonly fault: string | undefined
}

export interface TlsTrust {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** @param timeout milliseconds for each step */
export async function reach(url: URL, timeout: number, trust: TlsTrust = {}): Promise<Reached> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  let addresses: readonly string[]
  try {
    addresses =
      isIP(host) === 0 ? (await within(lookup(host, { all: true }), timeout)).map(({ address }) => address) : [host]
  } catch (error) {
    return { ok: false, step: 'DNS', code: codeOf(error) }
  }
  try {
    await opened(host, port, timeout)
  } catch (error) {
    return { ok: false, step: 'TCP', code: codeOf(error) }
  }
  if (url.protocol === 'http:') return { ok: true, addresses, certificate: undefined }
  try {
    const certificate = await certificateOf(host, port, timeout, trust)
    if (certificate.fault === undefined) return { ok: true, addresses, certificate }
    return { ok: false, step: 'TLS', code: certificate.fault, certificate }
  } catch (error) {
    return { ok: false, step: 'TLS', code: codeOf(error) }
  }
}

function opened(host: string, port: number, timeout: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connectTcp({ host, port }, resolve).on('error', reject)
  return within(promise, timeout).finally(() => socket.destroy())
}

/** Not believed yet: what is wrong with a certificate is to be told, too. */
function certificateOf(host: string, port: number, timeout: number, trust: TlsTrust): Promise<Certificate> {
  const { promise, resolve, reject } = Promise.withResolvers<Certificate>()
  const socket = connectTls(
    { host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...given(trust), rejectUnauthorized: false },
    () => {
      const { valid_to: end } = socket.getPeerCertificate() as Partial<PeerCertificate>
      const fault = socket.authorized ? undefined : String(socket.authorizationError)
      resolve({
        validTo: end === undefined ? 0 : Date.parse(end),
        fault: fault === undefined ? undefined : plainCode(fault),
      })
    },
  ).on('error', reject)
  return within(promise, timeout).finally(() => socket.destroy())
}

export function given({ ca, cert, key }: TlsTrust): Record<string, string> {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

/** Node gives a code, or a sentence that begins with one. */
function plainCode(text: string): string {
  return /[A-Z][A-Z0-9_]{3,}/.exec(text)?.[0] ?? 'not trusted'
}

class TooSlow extends Error {
  readonly code = 'no answer in time'
}

export function codeOf(error: unknown): string {
  return errorCode(error) ?? (error instanceof Error ? error.name : 'an error')
}

/** Milliseconds. */
export async function within<T>(promise: Promise<T>, timeout: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new TooSlow()), timeout)
  // Whichever comes second is heard by nobody.
  promise.catch(() => undefined)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
