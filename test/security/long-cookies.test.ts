import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { clientCodes, type Reason } from '../../src/base/reasons.ts'
import { codeOf } from '../../src/http/problem.ts'
import { assertLogsAreClean } from '../contract/refusal.ts'
import { BrowserClient, send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'

/*
 * The attack: cookies that cost more to read than to send. What is too long is refused by its length, what stands there
 * twice by that, and neither is taken apart or verified for it.
 */

let gateway: Gateway
let good = ''
before(async () => {
  gateway = await startGateway({ face: 'server' })
  const browser = new BrowserClient(gateway.origin)
  await browser.signIn()
  good = browser.cookies.get('postern') ?? ''
  assert.ok(good.length > 100)
})
after(() => gateway.close())
beforeEach(() => {
  gateway.events.length = 0
  gateway.logs.length = 0
})

const times = (text: string, count: number) => Array.from({ length: count }, () => text).join('; ')

const cookies: readonly (readonly [what: string, cookie: () => string, reason: Reason])[] = [
  ['15,000 dots', () => `postern=${'.'.repeat(15_000)}`, 'credential_too_large'],
  ['8,193 dots', () => `postern=${'.'.repeat(8193)}`, 'credential_too_large'],
  ['8,192 dots', () => `postern=${'.'.repeat(8192)}`, 'malformed'],
  ['a good one with 8,000 characters behind it', () => `postern=${good}${'A'.repeat(8000)}`, 'credential_too_large'],
  ['a good one with 2,000 dots behind it', () => `postern=${good}${'.'.repeat(2000)}`, 'malformed'],
  ['our name 2,000 times', () => times('postern=a', 2000), 'duplicate_credentials'],
  ['a good one 20 times', () => times(`postern=${good}`, 20), 'duplicate_credentials'],
  ['a good one behind 2,000 empty ones', () => `${times('postern=', 2000)}; postern=${good}`, 'duplicate_credentials'],
  [
    'a good one and 1,000 sealed ones',
    () => `postern=${good}; ${times('postern-upt=a', 1000)}`,
    'duplicate_credentials',
  ],
  ['1,000 signs that somebody signed out', () => times('postern-out=a.1', 1000), 'missing'],
  ['2,000 names that begin like ours', () => times('postern', 2000), 'missing'],
  ['20,000 semicolons', () => ';'.repeat(20_000), 'missing'],
  ['20,000 spaces around our name', () => `${' '.repeat(10_000)}=postern${' '.repeat(10_000)}`, 'missing'],
]

describe('DS-01 a cookie header of', () => {
  for (const [what, cookie, reason] of cookies) {
    test(`${what} is refused as ${reason}`, async () => {
      const answer = await send(`${gateway.origin}/protected`, 'GET', { cookie: cookie() })
      assert.equal(answer.status, clientCodes[codeOf(reason)].status, answer.text)
      assert.deepEqual(answer.setCookies, [])
      const refusals = gateway.events.flatMap((event) => (event.type === 'refused' ? [event.reason] : []))
      assert.deepEqual(refusals, [reason])
      assertLogsAreClean(gateway)
    })
  }

  test('more than a head may have is 431, and nobody looks at it', async () => {
    const answer = await send(`${gateway.origin}/protected`, 'GET', { cookie: `postern=${'.'.repeat(25_000)}` })
    assert.equal(answer.status, 431)
    assert.equal(answer.json()['code'], 'header_too_large')
  })

  test('a good one beside 1,000 of others is good', async () => {
    const cookie = `${times('a=b', 1000)}; postern=${good}; ${times('posterns=b', 500)}`
    assert.equal((await send(`${gateway.origin}/protected`, 'GET', { cookie })).status, 200)
  })
})
