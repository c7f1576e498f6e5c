import assert from 'node:assert/strict'
import type { Reason } from '../../src/base/reasons.ts'
import type { Answer } from '../support/browser-client.ts'
import type { ExchangeSite } from '../support/exchange.ts'

export interface Expected {
  readonly error: string
  readonly status?: number
  readonly reason?: Reason
}

/**
 * An OAuth error and nothing else (RFC 6749 section 5.2): its headers, its two members, the event behind it, and no
 * secret anywhere.
 */
export function assertOAuthError(
  { gateway }: Pick<ExchangeSite, 'gateway'>,
  answer: Answer,
  { error, status = error === 'invalid_client' ? 401 : 400, reason }: Expected,
  secrets: readonly string[] = [],
): void {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.headers['content-type'], 'application/json')
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.equal(answer.headers['access-control-allow-origin'], undefined)
  assert.equal(answer.headers['location'], undefined)
  assert.deepEqual(answer.setCookies, [])
  const body = answer.json()
  assert.deepEqual(Object.keys(body), ['error', 'error_description'])
  assert.equal(body['error'], error)
  // RFC 6749 section 5.2: no quotes, no backslash, no control characters.
  const description = body['error_description']
  assert.match(typeof description === 'string' ? description : '', /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  const challenge = answer.headers['www-authenticate']
  if (status === 401) assert.match(typeof challenge === 'string' ? challenge : '', /^Basic realm=/)
  else assert.equal(challenge, undefined)
  const event = gateway.events.findLast(({ type }) => type === 'token_refused')
  assert.ok(event?.type === 'token_refused')
  if (reason !== undefined) assert.equal(event.reason, reason)
  for (const secret of secrets) {
    assert.ok(!answer.text.includes(secret), 'a secret in the answer')
    assert.ok(!gateway.logs.join('').includes(secret), 'a secret in the log')
    assert.ok(!JSON.stringify(gateway.events).includes(secret), 'a secret in an event')
  }
}
