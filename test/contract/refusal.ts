import assert from 'node:assert/strict'
import { clientCodes, type ClientCode, type Reason } from '../../src/base/reasons.ts'
import type { Answer } from '../support/browser-client.ts'
import type { Gateway } from '../support/gateway.ts'

/** What every check of a refusal looks into. */
export type Watched = Pick<Gateway, 'origin' | 'service' | 'logs' | 'events'>

/** A signed or sealed token of anybody's. */
const compactToken = /eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\./

export const passwords = ['password123', 'canary-password', 'not the password']

/** What the service gave out, and what was typed: it stands nowhere that is looked at here. */
function secretsOf({ service }: Watched): readonly string[] {
  const refreshTokens = [...service.refreshTokens.keys()]
  return [...passwords, ...service.issued, ...refreshTokens].flatMap((one) => [
    one,
    Buffer.from(one).toString('base64url'),
  ])
}

export function assertNoSecretIn(watched: Watched, text: string, where: string): void {
  for (const secret of secretsOf(watched)) assert.ok(!text.includes(secret), `a secret stands in ${where}`)
  assert.doesNotMatch(text, compactToken, `a token stands in ${where}`)
}

export function assertLogsAreClean(watched: Watched): void {
  assertNoSecretIn(watched, watched.logs.join(''), 'the log')
  assertNoSecretIn(watched, JSON.stringify(watched.events), 'an event')
}

export interface Refusal {
  readonly code: ClientCode
  /** What the event says, where it is one of several behind the code. */
  readonly reason?: Reason
  /** Further members of the problem. */
  readonly members?: Readonly<Record<string, unknown>>
}

/** A refusal to a program: its problem (RFC 9457), and that nothing secret leaves with it. */
export function assertProblem(watched: Watched, answer: Answer, { code, reason, members = {} }: Refusal): void {
  const { status, title } = clientCodes[code]
  assert.equal(answer.status, status, `${answer.status} ${answer.text}`)
  assert.equal(answer.headers['content-type'], 'application/problem+json; charset=utf-8')
  assert.match(String(answer.headers['cache-control']), /no-store/)
  assert.equal(answer.headers['x-content-type-options'], 'nosniff')
  const { request_id: id, ...body } = answer.json()
  assert.match(String(id), /^[\w-]{1,40}$/)
  const login = status === 401 ? { login_url: `${watched.origin}/_auth/login` } : {}
  assert.deepEqual(body, { type: `urn:postern:problem:${code}`, title, status, code, ...login, ...members })
  assertWordless(watched, answer, reason)
}

/** A refusal to a person in a browser. */
export function assertErrorPage(watched: Watched, answer: Answer, { code, reason }: Refusal): void {
  const { status } = clientCodes[code]
  assert.equal(answer.status, status, `${answer.status} ${answer.text}`)
  assertIsPage(answer)
  assert.match(answer.text, new RegExp(`Status ${status}\\b`))
  assertWordless(watched, answer, reason)
}

/** Not signed in, in a browser: to the sign-in page, and back afterwards. */
export function assertSentToSignIn(watched: Watched, answer: Answer, returnTo: string, reason?: Reason): void {
  assert.equal(answer.status, 303, `${answer.status} ${answer.text}`)
  const query = returnTo === '/' ? '' : `?return_to=${encodeURIComponent(returnTo)}`
  assert.equal(answer.headers['location'], `/_auth/login${query}`)
  assert.equal(answer.headers['cache-control'], 'no-store')
  assertWordless(watched, answer, reason)
}

export function assertIsPage(answer: Answer): void {
  assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8')
  assert.match(String(answer.headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/)
  assert.match(String(answer.headers['cache-control']), /no-store/)
}

function assertWordless(watched: Watched, answer: Answer, reason: Reason | undefined): void {
  assertNoSecretIn(watched, answer.text, 'the body')
  const { 'set-cookie': _, ...headers } = answer.headers
  assertNoSecretIn(watched, JSON.stringify(headers), 'a header')
  assertLogsAreClean(watched)
  if (reason !== undefined) assert.equal(lastReason(watched), reason)
}

/** Of the last refusal that was said to the event sink. */
export function lastReason({ events }: Pick<Gateway, 'events'>): Reason | undefined {
  const last = events.findLast((event) => event.type === 'refused' || event.type === 'sign_in_refused')
  return last !== undefined && 'reason' in last ? last.reason : undefined
}
