import { setTimeout as wait } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { BrowserClient, formPost, navigation, sameOriginFetch, type Answer } from '../../test/support/browser-client.ts'
import type { Situation } from './situation.ts'
import type { Outcome, Tally } from './tally.ts'

export interface ClientDeps {
  readonly origin: string
  readonly tally: Tally
  readonly situation: Situation
  readonly agent: Agent
  /** True once everything ends. */
  readonly over: () => boolean
}

export type Upstream = 'rotating' | 'checked'

/** Milliseconds between two requests of one client, with some chance in it. */
const pause = () => wait(300 + Math.random() * 400)

/** Milliseconds. Beyond it a client gives up; above all that HAProxy tries. */
const patience = 60_000

/** Undefined where there was no answer at all. */
async function ask(
  { origin, agent }: Pick<ClientDeps, 'origin' | 'agent'>,
  path: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<Answer | undefined> {
  try {
    const answer = await request(`${origin}${path}`, {
      method,
      headers,
      dispatcher: agent,
      headersTimeout: patience,
      bodyTimeout: patience,
      ...(body === undefined ? {} : { body }),
    })
    const text = await answer.body.text()
    const setCookie = answer.headers['set-cookie'] ?? []
    return {
      status: answer.statusCode,
      headers: answer.headers,
      setCookies: Array.isArray(setCookie) ? setCookie : [setCookie],
      text,
      json: () => JSON.parse(text) as Record<string, unknown>,
    }
  } catch {
    return undefined
  }
}

/** What a token says of itself; nobody verifies it here. */
function readToken(token: string | undefined): { readonly kid: string; readonly endsAt: number } {
  const [header = '', payload = ''] = (token ?? '').split('.')
  try {
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>
    return { kid: String(read(header)['kid']), endsAt: Number(read(payload)['exp']) * 1000 }
  } catch {
    return { kid: '', endsAt: 0 }
  }
}

function problemOf(answer: Answer | undefined): { status?: number; code?: string; requestId?: string } {
  if (answer === undefined) return { code: 'no answer' }
  const { status, headers } = answer
  if (!String(headers['content-type']).includes('json')) return { status }
  const { code, request_id: requestId } = answer.json() as { code?: string; request_id?: string }
  return { status, ...(code === undefined ? {} : { code }), ...(requestId === undefined ? {} : { requestId }) }
}

/** The gateway itself says that the login service does not answer, while it does not. A balancer's own 503 has no such headers. */
function waits(answer: Answer | undefined, at: number, situation: Situation): boolean {
  if (answer?.status !== 503 || !situation.upstreamAwaySince(at)) return false
  return answer.headers['retry-after'] !== undefined || answer.headers['content-security-policy'] !== undefined
}

interface Asked {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** When it was sent. */
  readonly at: number
  readonly token: string
  readonly subject: string
}

/** What the answer to a request of a valid session is worth. */
function judge(answer: Answer | undefined, { method, path, at, token, subject }: Asked, situation: Situation): Outcome {
  const { status } = answer ?? {}
  const lost = situation.lostSince(at) && method === 'POST' && (status === undefined || status >= 502)
  if (answer === undefined || status === undefined) return lost ? 'in flight' : 'failed'
  const { kid, endsAt } = readToken(token)
  if (status === 200) {
    if (situation.wasGone(kid, at)) return 'wrong answer'
    const { user, url, method: asked, cookie } = answer.json()
    if (user !== subject) return 'somebody else'
    return url === path && asked === method && !String(cookie).includes('postern=') ? 'good' : 'wrong answer'
  }
  if (waits(answer, at, situation) && endsAt <= Date.now()) return 'told to wait'
  if (status === 401 || status === 303) return situation.isWithdrawn(kid) ? 'withdrawn key' : 'session lost'
  return lost ? 'in flight' : 'failed'
}

/** A person with a browser: one jar of cookies, several tabs at times. Signs in again where the session is gone. */
export class Person {
  readonly subject: string
  readonly browser: BrowserClient
  private readonly deps: ClientDeps
  private readonly upstream: Upstream
  private readonly name: string
  private count = 0

  constructor(deps: ClientDeps, upstream: Upstream, name: string) {
    this.deps = deps
    this.upstream = upstream
    this.name = name
    this.subject = `${upstream}|${name}`
    this.browser = new BrowserClient(deps.origin, Date.now)
  }

  get signedIn(): boolean {
    return this.browser.cookies.has('postern')
  }

  async signIn(): Promise<void> {
    const { deps, browser, upstream, name } = this
    const body = new URLSearchParams({ upstream, username: name, password: 'secret' }).toString()
    browser.cookies.clear()
    while (!this.signedIn && !deps.over()) {
      const [phase, at] = [deps.tally.phase, Date.now()]
      const answer = await ask(deps, '/_auth/login', 'POST', { ...formPost, origin: deps.origin }, body)
      if (answer !== undefined) browser.take(answer)
      const outcome = signInOutcome(answer, this.signedIn, at, deps.situation)
      deps.tally.note(phase, { outcome, what: `${upstream} browser signs in`, ...problemOf(answer) })
      if (!this.signedIn) await wait(500)
    }
  }

  /** One request, or two at once as of two tabs. @returns false once the session is gone */
  async ask(): Promise<boolean> {
    const two = Math.random() < 0.2
    const results = await Promise.all([this.askOnce(), ...(two ? [this.askOnce()] : [])])
    return results.every((good) => good)
  }

  private async askOnce(): Promise<boolean> {
    const { deps, browser, subject, upstream } = this
    this.count += 1
    const method = this.count % 5 === 0 ? 'POST' : 'GET'
    const headers =
      method === 'POST'
        ? { ...sameOriginFetch, origin: deps.origin, 'content-type': 'application/json' }
        : this.count % 2 === 0
          ? navigation
          : sameOriginFetch
    const path = `/app/${this.name}/${this.count}`
    const [phase, at, token] = [deps.tally.phase, Date.now(), browser.cookies.get('postern') ?? '']
    const sent = { ...browser.cookieHeader(), ...headers }
    const answer = await ask(deps, path, method, sent, method === 'POST' ? '{"some":"thing"}' : undefined)
    if (answer !== undefined) browser.take(answer)
    const outcome = judge(answer, { method, path, at, token, subject }, deps.situation)
    deps.tally.note(phase, { outcome, what: `${upstream} browser ${method}`, ...problemOf(answer) })
    return outcome !== 'session lost' && outcome !== 'withdrawn key'
  }

  /** @returns the cookies of before, or undefined where it did not come about */
  async signOut(): Promise<Readonly<Record<string, string>> | undefined> {
    const { deps, browser, upstream } = this
    const copy = browser.cookieHeader()
    const [phase, at] = [deps.tally.phase, Date.now()]
    const answer = await ask(deps, '/_auth/logout', 'POST', { ...copy, ...formPost, origin: deps.origin }, '')
    const done = answer?.status === 303
    const outcome = done ? 'good' : deps.situation.lostSince(at) ? 'in flight' : 'failed'
    deps.tally.note(phase, { outcome, what: `${upstream} browser signs out`, ...problemOf(answer) })
    if (answer !== undefined) browser.take(answer)
    return done ? copy : undefined
  }
}

function signInOutcome(answer: Answer | undefined, done: boolean, at: number, situation: Situation): Outcome {
  if (done) return 'good'
  if (waits(answer, at, situation)) return 'told to wait'
  return situation.lostSince(at) ? 'in flight' : 'failed'
}

/** Asks until everything ends. @param every how much slower than the others */
export async function browse(person: Person, deps: ClientDeps, every: number): Promise<void> {
  while (!deps.over()) {
    if (!person.signedIn) await person.signIn()
    else if (!(await person.ask())) person.browser.cookies.clear()
    for (let count = 0; count < every && !deps.over(); count += 1) await pause()
  }
}

/** A program: signs in for a token, uses it until it ends, signs in again. */
export async function call(deps: ClientDeps, upstream: Upstream, name: string): Promise<void> {
  const subject = `${upstream}|${name}`
  const { tally, situation } = deps
  let token = ''
  for (let count = 0; !deps.over(); count += 1) {
    await pause()
    const [phase, at] = [tally.phase, Date.now()]
    if (readToken(token).endsAt <= at + 500) {
      const body = JSON.stringify({ upstream, username: name, password: 'secret' })
      const answer = await ask(deps, '/_auth/login', 'POST', { 'content-type': 'application/json' }, body)
      token = answer?.status === 200 ? String(answer.json()['access_token']) : ''
      const outcome = signInOutcome(answer, token !== '', at, situation)
      tally.note(phase, { outcome, what: `${upstream} program signs in`, ...problemOf(answer) })
      continue
    }
    const path = `/app/${name}/${count}`
    const answer = await ask(deps, path, 'GET', { authorization: `Bearer ${token}` })
    const judged = judge(answer, { method: 'GET', path, at, token, subject }, situation)
    // It ended on its way: a Bearer token is not renewed.
    const outcome = judged === 'session lost' && readToken(token).endsAt <= Date.now() ? 'refused' : judged
    tally.note(phase, { outcome, what: `${upstream} program GET`, ...problemOf(answer) })
    if (outcome !== 'good') token = ''
  }
}

/** Somebody without a session, or with a made-up one: never let in. */
export async function trespass(deps: ClientDeps): Promise<void> {
  const made = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"checked|c0"}').toString('base64url')}.`
  for (let count = 0; !deps.over(); count += 1) {
    await pause()
    const [phase, at] = [deps.tally.phase, Date.now()]
    const headers = count % 2 === 0 ? {} : { cookie: `postern=${made}` }
    const answer = await ask(deps, '/app/nobody', 'GET', { ...headers, 'x-forwarded-user': 'checked|c0' })
    const other = answer === undefined || answer.status >= 500 ? 'failed' : 'wrong answer'
    const outcome =
      answer?.status === 401 ? 'refused' : other === 'failed' && deps.situation.lostSince(at) ? 'failed' : other
    deps.tally.note(phase, { outcome, what: 'nobody GET', ...problemOf(answer) })
  }
}

/** Tries the cookies of sessions that were signed out at every replica by itself, until everything ends. */
export async function haunt(deps: ClientDeps, ports: () => readonly number[]): Promise<void> {
  while (!deps.over()) {
    await wait(500)
    for (const { cookies, what } of deps.situation.signedOut()) {
      for (const port of ports()) {
        const [phase, at] = [deps.tally.phase, Date.now()]
        const there = { ...deps, origin: `http://127.0.0.1:${port}` }
        const answer = await ask(there, '/app/ghost', 'GET', { ...cookies, ...navigation })
        // Stopped meanwhile.
        if (answer === undefined && !ports().includes(port)) continue
        const refused = answer?.status === 303 || answer?.status === 401 || waits(answer, at, deps.situation)
        const outcome = refused ? 'refused' : answer === undefined || answer.status >= 500 ? 'failed' : 'wrong answer'
        deps.tally.note(phase, { outcome, what, ...problemOf(answer) })
      }
    }
  }
}
