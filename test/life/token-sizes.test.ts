import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { BrowserClient, bearerToken, formPost, navigation, send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'

/** Characters of the upstream's token, opaque: what cannot be packed small. */
const fits = [16, 300, 1000, 2000, 3500]
const tooLarge = [5000, 20_000]

let gateway: Gateway

before(async () => {
  gateway = await startGateway()
})
after(() => gateway.close())

for (const length of fits) {
  test(`CK-02 an upstream token of ${length} characters makes a whole session, which renews`, async () => {
    gateway.service.reset()
    gateway.service.tokenLength = length
    const browser = new BrowserClient(gateway.origin)
    const answer = await browser.signIn()
    assert.equal(answer.status, 303)
    for (const cookie of answer.setCookies) assert.ok(cookie.length <= 3800, `${cookie.length}`)
    assert.ok((browser.cookieHeader()['cookie'] ?? '').length <= 7000)
    assert.equal((await browser.send('/protected')).status, 200)
    const things = await browser.send('/things')
    assert.equal(things.json()['for'], 'john')
    gateway.clock.advance(250_000)
    const renewed = await browser.send('/protected')
    assert.equal(renewed.status, 200)
    assert.ok(renewed.setCookies.length > 0)
    assert.equal((await browser.send('/things')).json()['for'], 'john')
  })
}

for (const length of tooLarge) {
  test(`CK-02 an upstream token of ${length} characters is refused with a bill, and leaves nothing behind`, async () => {
    gateway.service.reset()
    gateway.service.tokenLength = length
    const browser = new BrowserClient(gateway.origin)
    const answer = await browser.send('/_auth/login', 'POST', formPost, 'username=john&password=password123')
    assert.equal(answer.status, 502)
    assert.deepEqual(answer.setCookies, [])
    assert.equal((await browser.send('/protected')).status, 303)
    const bill = gateway.events.findLast(({ type }) => type === 'cookie_bill')
    assert.ok(bill?.type === 'cookie_bill')
    assert.ok((bill.bill['upt'] ?? 0) > length * 0.9)
    assert.ok(bill.bytes > bill.budget)
    const token = gateway.service.issued.at(-1) ?? ''
    assert.ok(token.length === length && !answer.text.includes(token) && !gateway.logs.join('').includes(token))
  })
}

describe('an API client', () => {
  test('CK-02 takes a token that no cookie could carry', async () => {
    gateway.service.reset()
    gateway.service.tokenLength = 3500
    const authorization = `Bearer ${await bearerToken(gateway.origin)}`
    assert.equal((await send(`${gateway.origin}/things`, 'GET', { authorization })).json()['for'], 'john')
  })

  test('DS-01 is refused with a code where even a header could not carry it', async () => {
    gateway.service.reset()
    gateway.service.tokenLength = 20_000
    const body = JSON.stringify({ username: 'john', password: 'password123' })
    const answer = await send(`${gateway.origin}/_auth/login`, 'POST', { 'content-type': 'application/json' }, body)
    assert.equal(answer.status, 502)
    assert.equal(answer.json()['code'], 'upstream_bad')
  })
})

test('a stale detached cookie beside a token that carries its own is ignored, and one that is missing matters only where the token is needed', async () => {
  gateway.service.reset()
  const browser = new BrowserClient(gateway.origin)
  await browser.signIn()
  browser.cookies.set('postern-upt', 'stale')
  const answer = await browser.send('/things', 'GET', navigation)
  assert.equal(answer.json()['for'], 'john')
  assert.deepEqual(answer.setCookies, [])

  gateway.service.tokenLength = 3000
  const other = new BrowserClient(gateway.origin)
  await other.signIn()
  assert.ok(other.cookies.has('postern-upt'))
  other.cookies.delete('postern-upt')
  assert.equal((await other.send('/protected')).status, 200)
  assert.equal((await other.send('/things')).status, 500)
})
