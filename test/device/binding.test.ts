import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CompactEncrypt, decodeProtectedHeader, exportJWK, generateKeyPair } from 'jose'
import { createBindingSealer } from '../../src/device/binding.ts'
import { readDeviceKey } from '../../src/device/key.ts'
import { audiencesOf } from '../../src/gate-parts.ts'
import { createMinter } from '../../src/token/mint.ts'
import { createParts } from '../life/parts.ts'
import { hours, minutes } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'

const parts = await createParts({ session: { deviceBound: 'prefer' } })
const { ring, clock, config } = parts
const sealer = createBindingSealer(ring)
const minter = createMinter(ring, audiencesOf(config))
const now = Math.floor(clock() / 1000)

for (const alg of ['ES256', 'RS256'] as const) {
  test(`${alg}: what was sealed is opened as it was, says nothing to others, and is shorter than it stands there`, async () => {
    const { publicKey } = await generateKeyPair(alg, { extractable: true })
    const key = await readDeviceKey(alg, await exportJWK(publicKey))
    assert.ok(key)
    const values = {
      sub: 'accounts|1',
      iat: now,
      exp: now + 300,
      sid: 'sid',
      auth_time: now,
      idle_at: now + 1800,
      upn: 'accounts',
    }
    const groups = Array.from({ length: 60 }, (_, index) => `group-number-${index}`)
    const { token } = await minter.mint('session', { ...values, cnf: { jkt: key.jkt } }, { name: 'John Doe', groups })
    const sealed = await sealer.seal({ token, key })
    assert.deepEqual(await sealer.open(sealed), { token, key })
    assert.ok(sealed.length < token.length + 200, `${sealed.length} of ${token.length}`)
    for (const segment of sealed.split('.')) assert.ok(!Buffer.from(segment, 'base64url').toString().includes('John'))
    for (const changed of [sealed.slice(0, -1), `${sealed}A`, sealed.replace('.', '..'), '', 'x'.repeat(5000)])
      assert.equal(await sealer.open(changed), undefined)
  })
}

test('nothing that was sealed for another purpose opens as one, and one opens as nothing else', async () => {
  const { publicKey } = await generateKeyPair('ES256', { extractable: true })
  const key = await readDeviceKey('ES256', await exportJWK(publicKey))
  assert.ok(key)
  const { minted, sealed } = await parts.maker
    .forBrowser({ ...parts.source(), device: key })
    .then((made) => (made.ok ? made : assert.fail('it fits')))
  const binding = await sealer.seal({ token: minted.token, key })
  assert.ok(sealed)
  assert.equal(await sealer.open(sealed), undefined)
  assert.equal(await parts.sealer.open(binding, 'sid-1'), undefined)
  assert.equal(await parts.transactions.open(binding), undefined)
  assert.equal((await parts.verifier.verify(binding)).state, 'refused')
  const { kid, transactionKey } = ring.sealingKey()
  const forged = await new CompactEncrypt(Buffer.from('x'))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid, typ: 'postern-device+jwe' })
    .encrypt(transactionKey)
  assert.equal(await sealer.open(forged), undefined)
})

test('what is sealed says what it is for, is a JWT with a key, and is not opened where it is neither or too large', async () => {
  const { publicKey } = await generateKeyPair('ES256', { extractable: true })
  const key = await readDeviceKey('ES256', await exportJWK(publicKey))
  assert.ok(key)
  const tokenOf = (length: number) => ['{}', ' '.repeat(length), 'x'].map(encoded).join('.')
  const sealed = await sealer.seal({ token: tokenOf(16_000), key })
  assert.equal(decodeProtectedHeader(sealed).typ, 'postern-device+jwe')
  assert.equal((await sealer.open(sealed))?.token, tokenOf(16_000))
  const bomb = await sealer.seal({ token: tokenOf(17_000), key })
  assert.ok(bomb.length < 4096)
  assert.equal(await sealer.open(bomb), undefined)
  const off = { ...key, jwk: { ...key.jwk, y: key.jwk['x'] ?? '' } }
  assert.equal(await sealer.open(await sealer.seal({ token: tokenOf(1), key: off })), undefined)
  await assert.rejects(sealer.seal({ token: 'no token', key }), new TypeError('a session token is a JWT'))
})

const encoded = (text: string) => Buffer.from(text).toString('base64url')

test('a bound session rides in three cookies, each of which ends when it should', async () => {
  const { publicKey } = await generateKeyPair('ES256', { extractable: true })
  const key = await readDeviceKey('ES256', await exportJWK(publicKey))
  const made = await parts.maker.forBrowser({ ...parts.source(), device: key })
  assert.ok(made.ok)
  const ages = made.setCookies.map((one) => [one.slice(0, one.indexOf('=')), /Max-Age=(\d+)/.exec(one)?.[1]])
  assert.deepEqual(ages, [
    ['postern', '295'],
    ['postern-upt', '1800'],
    ['postern-device', '1800'],
  ])
  assert.equal(made.minted.claims.upt, undefined)
  assert.deepEqual(made.minted.claims.cnf, { jkt: key?.jkt })
})

test('a key that was rotated opens what it sealed until it is retired for good', async () => {
  const [old, next] = [await freshKeys(clock()), await freshKeys(clock() + minutes(1))]
  const { publicKey } = await generateKeyPair('ES256', { extractable: true })
  const key = await readDeviceKey('ES256', await exportJWK(publicKey))
  assert.ok(key)
  const { token } = await minter.mint(
    'session',
    { sub: 'a|1', iat: now, exp: now + 300, sid: 's', auth_time: now, idle_at: now + 1800, upn: 'a' },
    {},
  )
  ring.replace([...old, ...next])
  const sealed = await sealer.seal({ token, key })
  clock.advance(minutes(2))
  assert.deepEqual(await sealer.open(sealed), { token, key })
  assert.notEqual((await sealer.seal({ token, key })).split('.')[0], sealed.split('.')[0])
  clock.advance(hours(9))
  assert.equal(await sealer.open(sealed), undefined)
})
