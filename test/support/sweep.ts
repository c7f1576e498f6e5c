import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { request } from 'undici'
import { leaksIn, secret, secretKey } from './canaries.ts'

/*
 * One place that hears everything that gateways say in a test file: log lines, events, answers, and what a process
 * prints, also when it dies. At its very end it is looked through for every secret of the run, and the file fails where
 * one is found (security.md LL-01, CF-03).
 */

const heard: { readonly where: string; text: string }[] = []

/** Keeps what was said until the end. */
export function hear(where: string, text = ''): (more: string) => void {
  const one = { where, text }
  heard.push(one)
  return (more) => {
    one.text += more
  }
}

// Not in a hook: what is said while the last gateway closes counts too.
process.once('exit', () => {
  const found = heard.flatMap(({ where, text }) => leaksIn(text).map((leak) => ({ where, ...leak })))
  if (found.length === 0) return
  const lines = found.map(({ where, what, spelling, around }) => `${where}: ${what} (${spelling}) in: ${around}`)
  process.stderr.write(`Secrets were said:\n${[...new Set(lines)].slice(0, 20).join('\n')}\n`)
  process.exitCode = 1
})

/** Where a log is written to. @param lines also gets every record */
export function heardLog(lines: string[]): Writable {
  const say = hear('the log')
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString())
      say(chunk.toString())
      done()
    },
  })
}

/** An event as a listener may print it. */
export function heardEvents(): (event: object) => void {
  const say = hear('an event')
  // What was thrown goes to a listener as it is; what the log makes of it is heard there.
  return (event) => say(`${JSON.stringify({ ...event, error: undefined })}\n`)
}

/** Everything that a process prints, to the last word. */
export function hearProcess(child: ChildProcess, what = 'a process'): void {
  for (const [name, stream] of [['stdout', child.stdout] as const, ['stderr', child.stderr] as const]) {
    const say = hear(`${name} of ${what}`)
    stream?.on('data', (chunk: Buffer | string) => say(chunk.toString()))
  }
}

/** What the admin port tells of the numbers. */
export async function hearMetrics(adminAddress: string): Promise<void> {
  const { body } = await request(`${adminAddress}/metrics`, { headers: { connection: 'close' } })
  hear('the metrics', await body.text())
}

/** The private keys in a folder are secrets. A folder that is not there has none. */
export function secretKeysIn(dir: string): void {
  let names: readonly string[] = []
  try {
    names = readdirSync(dir).filter((name) => name.endsWith('.jwk.json'))
  } catch {}
  for (const name of names) {
    try {
      secretKey(readFileSync(join(dir, name), 'utf8'))
    } catch {}
  }
}

/**
 * Hears the answers of an app, and takes what requests and answers carry as a credential for a secret. What a backend
 * answers goes by: that is not ours.
 */
export function hearAnswers(app: FastifyInstance): void {
  const say = hear('an answer')
  hearSockets(app)
  app.addHook('onRequest', (request, _reply, done) => {
    secretsOfRequest(request)
    done()
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    for (const value of cookieValues(reply)) secret(value, 'a cookie of ours')
    const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.toString() : ''
    say(`${request.method} ${request.routeOptions.url ?? '?'} ${JSON.stringify(saidHeaders(request, reply))}\n`)
    say(`${withoutDue(body)}\n`)
    done(null, payload)
  })
}

/**
 * What leaves a server on its connections: the heads of all answers, also of those that Fastify never sees, what stands in one
 * piece with them, and what is said at the end of a WebSocket. Bodies that are streamed are a backend's.
 */
function hearSockets({ server }: FastifyInstance): void {
  const say = hear('a connection')
  const asked = new WeakMap<object, string>()
  server.on('request', ({ socket, url = '' }) => asked.set(socket, url))
  server.on('connection', (socket: Socket) => {
    const listen = (chunk: unknown) => {
      const text = Buffer.isBuffer(chunk) ? chunk.toString('latin1') : chunk
      if (typeof text !== 'string') return
      // The close of a WebSocket in one frame (RFC 6455 section 5.5.1).
      if (text.startsWith('\u0088')) say(`${text}\n`)
      if (text.startsWith('HTTP/1.1 ') && asked.get(socket)?.includes('/verify') !== true)
        say(`${withoutDueLines(text)}\n`)
    }
    const { write, end } = socket
    socket.write = function (this: Socket, ...all: [never]) {
      listen(all[0])
      return write.apply(this, all)
    }
    socket.end = function (this: Socket, ...all: [never]) {
      listen(all[0])
      return end.apply(this, all)
    }
  })
}

/** A head without the lines where a token is due, and whatever stands behind it. */
function withoutDueLines(text: string): string {
  const end = text.indexOf('\r\n\r\n')
  const head = text
    .slice(0, end)
    .split('\r\n')
    .filter((line) => !/^set-cookie:/i.test(line))
    .map((line) =>
      line.replace(/^(location: )(.*)$/i, (_all, name: string, place: string) => name + withoutDueIn(place)),
    )
  return `${head.join('\n')}\n${withoutDue(text.slice(end + 4))}`
}

function secretsOfRequest({ headers, query }: FastifyRequest): void {
  secret((headers.authorization ?? '').replace(/^\w+ +/, ''), 'a credential of a request')
  for (const pair of (headers.cookie ?? '').split(';'))
    secret(pair.slice(pair.indexOf('=') + 1).trim(), 'a cookie of a request')
  const { code, state } = (query ?? {}) as Readonly<Record<string, unknown>>
  for (const value of [code, state]) if (typeof value === 'string') secret(value, 'a code or a state')
}

function cookieValues(reply: FastifyReply): readonly string[] {
  const set = [reply.getHeader('set-cookie') ?? []].flat()
  return set.map((cookie) => /^[^=]*=([^;]*)/.exec(String(cookie))?.[1] ?? '')
}

/** Where a token belongs: what a front proxy copies, and where a browser takes one on. */
const dueParameters = ['state', 'id_token_hint', 'return_to', 'code_challenge', 'nonce']

function saidHeaders({ routeOptions }: FastifyRequest, reply: FastifyReply): object {
  const { 'set-cookie': _, location, ...headers } = reply.getHeaders()
  if (routeOptions.url?.includes('/verify') === true) return {}
  return typeof location === 'string' ? { ...headers, location: withoutDueIn(location) } : headers
}

function withoutDueIn(location: string): string {
  const url = new URL(location, 'http://relative.invalid')
  for (const name of dueParameters) url.searchParams.delete(name)
  return url.href
}

/** Of JSON the member that a token is due in; of a page the fields that bring the second step and the own address back. */
function withoutDue(body: string): string {
  return body
    .replaceAll(/name="return_to" value="[^"]*"|[?&;]return_to=[^"&]*/g, 'return_to')
    .replaceAll(/"(access_token|transaction)":"([\w.-]+)"/g, (_all, name: string, value: string) => {
      secret(value, `\`${name}\` of an answer`)
      return `"${name}":"due"`
    })
    .replaceAll(/name="transaction" value="([\w.-]+)"/g, (_all, value: string) => {
      secret(value, 'a transaction')
      return 'name="transaction" value="due"'
    })
}
