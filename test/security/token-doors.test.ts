import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { toSeconds } from '../../src/base/clock.ts'
import type { Reason } from '../../src/base/reasons.ts'
import { generateSigningKey } from '../../src/keys/generate.ts'
import type { SigningKey } from '../../src/keys/key.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import type { TokenKind } from '../../src/token/claims.ts'
import { createMinter } from '../../src/token/mint.ts'
import { createTransactionSealer } from '../../src/token/transaction.ts'
import { createVerifier } from '../../src/token/verify.ts'
import { assertLogsAreClean, assertNoSecretIn, lastReason } from '../contract/refusal.ts'
import { minutes } from '../support/clock.ts'
import { keyFrom } from '../support/keys.ts'
import { carrying, doors, goodToken, startDoors, ways, type Carrier, type DoorSite } from './doors.ts'
import { headerOf, payloadOf, signed } from './forge.ts'
import { hostileTokens, type Workshop } from './hostile-tokens.ts'

/*
 * The attack: a token that was made, changed, or issued for something else, at every door that takes one. Each of them is
 * signed by the gateway's own key wherever that leaves one thing to be wrong.
 */

const kinds: Readonly<Record<Carrier, TokenKind>> = { cookie: 'session', bearer: 'access' }

let site: DoorSite
const workshops = new Map<Carrier, Workshop>()
let fetched = 0
const listener = createServer((_request, response) => {
  fetched += 1
  response.end('{"keys":[]}')
})

async function signingKey(alg: 'ES256' | 'ES384', kid: string): Promise<SigningKey> {
  const key = await keyFrom({ ...(await generateSigningKey(alg, { activatesAt: 0 })), kid })
  assert.ok(key.kind === 'signing')
  return key
}

async function workshop(carrier: Carrier): Promise<Workshop> {
  const key = site.gateway.keys.find(({ kind }) => kind === 'signing')
  assert.ok(key?.kind === 'signing')
  const good = await goodToken(site, carrier)
  return {
    kind: kinds[carrier],
    good,
    header: headerOf(good),
    payload: payloadOf(good),
    key,
    foreign: await signingKey('ES256', key.kid),
    foreign384: await signingKey('ES384', key.kid),
    listener: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    now: toSeconds(site.gateway.clock()),
  }
}

before(async () => {
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  site = await startDoors()
  for (const carrier of ['cookie', 'bearer'] as const) workshops.set(carrier, await workshop(carrier))
})
after(async () => {
  assertLogsAreClean(site.gateway)
  assert.deepEqual(
    site.gateway.events.filter(({ type }) => type === 'error'),
    [],
  )
  await site.close()
  listener.close()
})

const shopOf = (carrier: Carrier) => workshops.get(carrier) ?? assert.fail()

async function assertShut(carrier: Carrier, token: string, reason: Reason): Promise<void> {
  for (const door of doors) {
    if (!door.carriers.includes(carrier)) continue
    const heard = await door.knock(site, carrying(site, carrier, token))
    const where = `${door.name} by ${carrier}`
    const { status, code, who } = door.refusal(reason)
    assert.equal(heard.who, who, where)
    assert.equal(heard.status, status, where)
    if (code !== undefined) assert.equal(heard.code, code, where)
    assertNoSecretIn(site.gateway, heard.said, where)
    if (door.name === 'a guarded route') assert.equal(lastReason(site.gateway), reason, where)
  }
}

function ringOf() {
  return createKeyRing(site.gateway.keys, minutes(31), site.gateway.clock)
}

async function assertionFor(shop: Workshop, audience: string): Promise<string> {
  const issuer = String(shop.payload['iss'])
  const names = { issuer, audience: { session: `${issuer}/_auth`, access: 'https://api.example.com' } }
  const found = await createVerifier(shop.kind, ringOf(), names, site.gateway.clock).verify(shop.good)
  assert.ok(found.state === 'valid')
  return createMinter(ringOf(), names).mintAssertion(found.claims, audience, site.gateway.clock())
}

async function transaction(): Promise<string> {
  const sealer = createTransactionSealer(ringOf(), site.gateway.clock)
  const sealed = await sealer.seal({ upstream: 'accounts', values: {}, account: 'john', browser: undefined })
  return sealed ?? assert.fail()
}

describe('a good token', () => {
  for (const { door, carrier } of ways) {
    test(`opens ${door.name} by ${carrier}, and so does the same made by hand`, async () => {
      const good = await goodToken(site, carrier)
      const { key } = shopOf(carrier)
      const made = await signed(key, JSON.stringify(headerOf(good)), JSON.stringify(payloadOf(good)))
      assert.notEqual(made, good)
      for (const token of [made, good]) {
        const { status, who } = await door.knock(site, carrying(site, carrier, token))
        // Signed out with the one is signed out with the other.
        if (door.name === 'POST /_auth/logout' && token === good) continue
        assert.deepEqual({ status, who }, door.welcome[carrier])
      }
    })
  }
})

describe('no door opens for', () => {
  for (const { name, reason, only, make } of hostileTokens) {
    test(name, async () => {
      for (const carrier of ['bearer', 'cookie'] as const) {
        if (only !== undefined && kinds[carrier] !== only) continue
        const token = await make(shopOf(carrier))
        await assertShut(carrier, token, typeof reason === 'string' ? reason : reason[kinds[carrier]])
      }
    })
  }

  test('TV-03 and nothing is fetched on the word of a token', () => {
    assert.equal(fetched, 0)
  })
})

describe('TV-10 TV-11 CK-09 each kind of token opens its own doors, and no other kind does:', () => {
  const others: readonly (readonly [string, (shop: Workshop) => string | Promise<string>])[] = [
    ['a session token', () => shopOf('cookie').good],
    ['an access token', () => shopOf('bearer').good],
    ['an assertion', (shop) => assertionFor(shop, 'http://127.0.0.1:3000')],
    ['an assertion for an audience of ours', (shop) => assertionFor(shop, String(shop.payload['aud']))],
    ['an unfinished sign-in', () => transaction()],
    ['the sealed part of a session', () => String(shopOf('cookie').payload['upt'])],
    ['the sealed part of an access token', () => String(shopOf('bearer').payload['upt'])],
  ]

  for (const [name, make] of others) {
    test(name, async () => {
      for (const carrier of ['bearer', 'cookie'] as const) {
        const shop = shopOf(carrier)
        const token = await make(shop)
        if (token === shop.good) {
          const heard = await doors[0]?.knock(site, carrying(site, carrier, token))
          assert.equal(heard?.who, 'accounts|1')
          continue
        }
        const sealed = token.split('.').length === 5
        await assertShut(carrier, token, sealed ? 'malformed' : 'wrong_kind')
      }
    })
  }
})

test('TV-13 of two claims of one name the last counts, as in every JSON reader of the platform, and only who has the key can write two', async () => {
  for (const { door, carrier } of ways) {
    if (door.name !== 'a guarded route') continue
    const { key, header, payload } = shopOf(carrier)
    const first = `{"sub":"accounts|2",${JSON.stringify(payload).slice(1)}`
    const token = await signed(key, JSON.stringify(header), first)
    const heard = await door.knock(site, carrying(site, carrier, token))
    assert.deepEqual([heard.status, heard.who], [200, 'accounts|1'])
  }
})

test('TM-01 every kind of token that is issued says its algorithm, its key and its kind, and nothing more', async () => {
  for (const [carrier, typ] of [
    ['cookie', 'postern-session+jwt'],
    ['bearer', 'at+jwt'],
  ] as const) {
    const { header, key } = shopOf(carrier)
    assert.deepEqual(header, { alg: 'ES256', kid: key.kid, typ })
    assert.deepEqual(Object.keys(header), ['alg', 'kid', 'typ'])
  }
  const shop = shopOf('bearer')
  const assertion = headerOf(await assertionFor(shop, 'https://backend.example'))
  assert.deepEqual(assertion, { alg: 'ES256', kid: shop.key.kid, typ: 'postern-assertion+jwt' })
})
