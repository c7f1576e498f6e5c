import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { startLoginService } from '../../src/demo/login-service.ts'
import { changeRevocations } from '../../src/life/revocation-file.ts'
import { noRevocations } from '../../src/life/revocations.ts'
import type { ClientOrder, ClosedReport, OpenReport } from './client.ts'
import type { GatewayFigures, GatewayOrder } from './gateway.ts'
import { freePort } from '../../test/support/free-port.ts'

export interface Settings {
  readonly sessions: number
  /** Sockets of each; at most `session.maxSockets`. */
  readonly perSession: number
  /** Milliseconds to look on while nothing happens. */
  readonly idle: number
}

export interface Figures {
  readonly opened: OpenReport
  /** Bytes of the gateway for each socket, at both of its ends. */
  readonly residentEach: number
  readonly usedEach: number
  /** Shares of one processor while nothing is sent. `none`: before any socket was open. */
  readonly idle: { readonly none: number; readonly all: number }
  readonly closedWhileIdle: number
  /** Milliseconds from the sign-out's answer, and from the new revocations file, to the last socket of that session. */
  readonly signedOut: number
  readonly revoked: number
  /** Milliseconds from the absolute end of a session to the first and to the last of its sockets, over all sessions. */
  readonly ended: { readonly earliest: number; readonly latest: number; readonly sockets: number }
  /** Close codes of all. */
  readonly codes: Readonly<Record<number, number>>
}

/** Milliseconds. */
const absoluteTimeout = 8 * 3_600_000
const patience = 120_000

interface Person {
  readonly cookie: string
  readonly sid: string
  /** Milliseconds since the epoch. */
  readonly end: number
}

/** Somebody signed in by the form: what the browser would have in its jar, and when that session ends at last. */
async function signIn(origin: string): Promise<Person> {
  const body = new URLSearchParams({ username: 'john', password: 'password123' })
  const answer = await fetch(`${origin}/_auth/login`, { method: 'POST', headers: { origin }, body, redirect: 'manual' })
  const pairs = answer.headers.getSetCookie().map((one) => one.split(';', 1)[0] ?? '')
  const token = pairs.find((one) => one.startsWith('postern='))?.slice('postern='.length)
  if (token === undefined) throw new Error(`The sign-in answered ${answer.status}.`)
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
    sid: string
    auth_time: number
  }
  return { cookie: pairs.join('; '), sid: claims.sid, end: claims.auth_time * 1000 + absoluteTimeout }
}

/** A message of a kind; gives up after `patience`. */
async function said<T>(child: ChildProcess, send?: GatewayOrder | ClientOrder): Promise<T> {
  const heard = once(child, 'message', { signal: AbortSignal.timeout(patience) })
  if (send !== undefined) child.send(send)
  return (await heard)[0] as T
}

/** Opens them through a gateway in a process of its own, from a client in another, and ends them in every way. */
export async function measure({ sessions, perSession, idle }: Settings): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-sockets-'))
  const revocations = join(folder, 'revocations.yaml')
  await changeRevocations(revocations, () => noRevocations)
  const service = await startLoginService()
  const backend = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  backend.on('connection', (socket) => socket.on('error', () => undefined))
  await once(backend, 'listening')
  const backendOrigin = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const gateway = fork(
    new URL('gateway.ts', import.meta.url),
    [backendOrigin, service.origin, revocations, String(port)],
    { execArgv: ['--expose-gc'] },
  )
  const client = fork(new URL('client.ts', import.meta.url))
  const closed: ClosedReport[] = []

  /** Share of one processor in that time. */
  async function busy(): Promise<number> {
    const before = await said<GatewayFigures>(gateway, { ask: 'figures' })
    const began = performance.now()
    await wait(idle)
    const after = await said<GatewayFigures>(gateway, { ask: 'figures' })
    return (after.processor - before.processor) / 1000 / (performance.now() - began)
  }

  async function closedSession(session: number): Promise<ClosedReport> {
    const until = Date.now() + patience
    while (Date.now() < until) {
      const report = closed.find((one) => one.session === session)
      if (report !== undefined) return report
      await wait(5)
    }
    throw new Error(`The sockets of session ${session} did not close.`)
  }

  try {
    await said(gateway)
    const people: Person[] = []
    while (people.length < sessions) people.push(await signIn(origin))
    const none = await busy()
    const before = await said<GatewayFigures>(gateway, { ask: 'figures' })
    const order = {
      address: `ws://localhost:${port}/feed`,
      origin,
      cookies: people.map(({ cookie }) => cookie),
      perSession,
    }
    const opened = await said<OpenReport>(client, order)
    client.on('message', (report: ClosedReport) => void closed.push(report))
    const after = await said<GatewayFigures>(gateway, { ask: 'figures' })
    const all = await busy()
    const closedWhileIdle = closed.length

    const [first, second, ...others] = people
    if (first === undefined || second === undefined) throw new Error('This takes two sessions at least.')
    await fetch(`${origin}/_auth/logout`, { method: 'POST', headers: { cookie: first.cookie, origin } })
    const answered = Date.now()
    const signedOut = (await closedSession(0)).last - answered
    const written = Date.now()
    await changeRevocations(revocations, (list) => ({ ...list, sessions: new Map([[second.sid, written]]) }))
    const revoked = (await closedSession(1)).last - written

    // To two seconds before the first one ends.
    const advance = Math.min(...others.map(({ end }) => end)) - 2_000 - Date.now()
    await said(gateway, { advance })
    const lateness = await Promise.all(
      others.map(async ({ end }, index) => {
        const { first: begun, last } = await closedSession(index + 2)
        return { begun: begun + advance - end, last: last + advance - end }
      }),
    )
    const codes: Record<number, number> = {}
    for (const report of closed)
      for (const [code, count] of Object.entries(report.codes)) codes[Number(code)] = (codes[Number(code)] ?? 0) + count
    return {
      opened,
      residentEach: (after.resident - before.resident) / opened.open,
      usedEach: (after.used - before.used) / opened.open,
      idle: { none, all },
      closedWhileIdle,
      signedOut,
      revoked,
      ended: {
        earliest: Math.min(...lateness.map(({ begun }) => begun)),
        latest: Math.max(...lateness.map(({ last }) => last)),
        sockets: others.length * perSession,
      },
      codes,
    }
  } finally {
    for (const child of [client, gateway]) child.kill()
    for (const socket of backend.clients) socket.terminate()
    backend.close()
    await service.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
