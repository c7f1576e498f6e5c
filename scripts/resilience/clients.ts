import { setTimeout as wait } from 'node:timers/promises'
import type { Agent } from 'undici'
import { BrowserClient, formPost, navigation, sameOriginFetch } from '../../test/support/browser-client.ts'
import { ask, judge, problemOf, readToken, signInOutcome } from './answers.ts'
import type { Situation } from './situation.ts'
import type { Tally } from './tally.ts'

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
export const pause = () => wait(300 + Math.random() * 400)

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
