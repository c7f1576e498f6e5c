import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { base64url, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { readDeviceKey } from '../../src/device/key.ts'
import { challengeIn, readRegistrationProof } from '../../src/device/proof.ts'
import { textOf } from '../../src/device/wire.ts'

const address = 'https://gw.example.com/_auth/device/register'
const pairs = {
  ES256: await generateKeyPair('ES256', { extractable: true }),
  RS256: await generateKeyPair('RS256', { extractable: true }),
}
const publicOf = (alg: keyof typeof pairs) => exportJWK(pairs[alg].publicKey)

const other = await generateKeyPair('ES256', { extractable: true })
const [point, own] = [await exportJWK(other.publicKey), await exportJWK(pairs.ES256.privateKey)]
const small = await generateKeyPair('RS256', { extractable: true, modulusLength: 2048 })
const { n = '' } = await exportJWK(small.publicKey)
const half = base64url.encode(base64url.decode(n).slice(0, 128))

interface Parts {
  readonly alg?: keyof typeof pairs
  readonly header?: Readonly<Record<string, unknown>>
  readonly payload?: Readonly<Record<string, unknown>>
}

async function proofOf({ alg = 'ES256', header = {}, payload = {} }: Parts = {}): Promise<string> {
  return new SignJWT({ jti: 'a-challenge', ...payload })
    .setProtectedHeader({ alg, typ: 'dbsc+jwt', jwk: await publicOf(alg), ...header })
    .sign(pairs[alg].privateKey, { crit: { x: true } })
}

describe('the first proof', () => {
  for (const alg of ['ES256', 'RS256'] as const) {
    test(`${alg}: brings its key and the challenge, and is signed with that key`, async () => {
      const read = await readRegistrationProof(await proofOf({ alg }), address)
      assert.equal(read?.challenge, 'a-challenge')
      assert.deepEqual(read?.key.jwk, await publicOf(alg))
      assert.match(read?.key.jkt ?? '', /^[\w-]{43}$/)
    })
  }

  const bad: Readonly<Record<string, () => Promise<string>>> = {
    'no text': async () => '',
    'no JWT': async () => 'a.b.c',
    'too long': async () => `${await proofOf()}${'A'.repeat(5000)}`,
    'another typ': () => proofOf({ header: { typ: 'JWT' } }),
    'no key': () => proofOf({ header: { jwk: undefined } }),
    'another key than it was signed with': () => proofOf({ header: { jwk: point } }),
    'a private key': () => proofOf({ header: { jwk: own } }),
    'a point that is not on the curve': async () => proofOf({ header: { jwk: { ...point, y: point.x } } }),
    'a key of another curve': async () =>
      proofOf({ header: { jwk: await exportJWK((await generateKeyPair('ES384', { extractable: true })).publicKey) } }),
    'a modulus of 1024 bits': () => proofOf({ alg: 'RS256', header: { jwk: { kty: 'RSA', e: 'AQAB', n: half } } }),
    'an unusual exponent': () => proofOf({ alg: 'RS256', header: { jwk: { kty: 'RSA', e: 'Aw', n } } }),
    'an algorithm that is not offered': async () => {
      const { privateKey, publicKey } = await generateKeyPair('ES384', { extractable: true })
      const jwk = await exportJWK(publicKey)
      return new SignJWT({ jti: 'a' }).setProtectedHeader({ alg: 'ES384', typ: 'dbsc+jwt', jwk }).sign(privateKey)
    },
    'no signature at all': async () => new UnsecuredJWT({ jti: 'a' }).encode(),
    'the public key as a secret': async () => {
      const jwk = await publicOf('ES256')
      const secret = new TextEncoder().encode(JSON.stringify(jwk))
      return new SignJWT({ jti: 'a' }).setProtectedHeader({ alg: 'HS256', typ: 'dbsc+jwt', jwk }).sign(secret)
    },
    'no challenge': () => proofOf({ payload: { jti: undefined } }),
    'a challenge that is no text': () => proofOf({ payload: { jti: 1 } as never }),
    'another audience': () => proofOf({ payload: { aud: 'https://gw.example.com/_auth/device/refresh' } }),
    'a critical member that nobody knows': () => proofOf({ header: { crit: ['x'], x: 1 } as never }),
  }
  for (const [what, make] of Object.entries(bad)) {
    test(`is none with ${what}`, async () => {
      assert.equal(await readRegistrationProof(await make(), address), undefined)
    })
  }

  test('may name the address that it was sent to, as browsers will', async () => {
    const read = await readRegistrationProof(await proofOf({ payload: { aud: address } }), address)
    assert.equal(read?.challenge, 'a-challenge')
  })
})

test('a proof at a refresh has no key, and is good for the one that is known', async () => {
  const key = await readDeviceKey('ES256', await publicOf('ES256'))
  const other = await readDeviceKey(
    'ES256',
    await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey),
  )
  assert.ok(key && other)
  const proof = await proofOf({ header: { jwk: undefined } })
  assert.equal(await challengeIn(proof, key, address), 'a-challenge')
  assert.equal(await challengeIn(proof, other, address), undefined)
  for (const none of ['', 'no JWT', 'a.b.c']) assert.equal(await challengeIn(none, key, address), undefined)
  // A key that it brings itself changes nothing.
  assert.equal(await challengeIn(await proofOf(), other, address), undefined)
  assert.equal(await challengeIn(proof, { ...key, alg: 'RS256' }, address), undefined)
})

test('a proof has at most 4096 characters, however good it is', async () => {
  /** Longer by as much: three bytes are four characters. */
  const padded = (bytes: number, more: number) =>
    proofOf({ header: { kid: '.'.repeat(more) }, payload: { pad: '.'.repeat(bytes) } })
  const lengths = new Map<number, boolean>()
  const bytes = Math.floor(((4096 - (await padded(0, 0)).length) * 3) / 4)
  for (const more of [0, 1, 2])
    for (const fewer of [0, 1, 2, 3]) {
      const proof = await padded(bytes - fewer, more)
      lengths.set(proof.length, (await readRegistrationProof(proof, address)) !== undefined)
    }
  assert.deepEqual([lengths.get(4096), lengths.get(4097)], [true, false])
  for (const [length, good] of lengths) assert.equal(good, length <= 4096, String(length))
})

test('header values are read with quotes and without, each once', () => {
  for (const text of ['a.b-c_d', 'postern-LCCqtyJddnwSzVsk']) {
    assert.equal(textOf(text), text)
    assert.equal(textOf(`"${text}"`), text)
  }
  for (const text of [undefined, '', '""', '"a', 'a"', 'a b', '"a", "b"', 'a,b', '"a\\"b"', ['a', 'a'], '?1'])
    assert.equal(textOf(text), undefined)
})
