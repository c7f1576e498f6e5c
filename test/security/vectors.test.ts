import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'
import { parseKey } from '../../src/keys/key.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import { createSealer } from '../../src/token/seal.ts'
import { createVerifier } from '../../src/token/verify.ts'
import { minutes } from '../support/clock.ts'
import { keyFrom } from '../support/keys.ts'
import {
  sealedVectors,
  signatureFiles,
  signatureGroups,
  tokenOf,
  vectorClock,
  vectorNames,
  verifyingKey,
} from './vectors.ts'

/* The attack: a signature or a sealed text at the edges of what its algorithm allows. Each line of the data is a test. */

for (const file of signatureFiles) {
  describe(`TV-01 ${file}: a token is signed where its signature is`, async () => {
    for (const group of signatureGroups(file)) {
      const sealing = await keyFrom(generateSealingKey({ activatesAt: 0 }))
      const ring = createKeyRing([await verifyingKey(group), sealing], minutes(31), vectorClock)
      const verifier = createVerifier('access', ring, vectorNames, vectorClock)
      for (const vector of group.vectors) {
        test(vector.comment, async () => {
          const found = await verifier.verify(tokenOf(group, vector))
          if (!vector.good) assert.equal(found.state, 'refused')
          else assert.ok(found.state === 'valid' && found.claims.sub === 'accounts|42', JSON.stringify(found))
          if (found.state === 'refused') {
            const empty = vector.signature === ''
            assert.equal(found.reason, empty ? 'malformed' : 'bad_signature')
          }
        })
      }
    }
  })
}

test('a key file whose public part belongs to another private one is refused: points of small order, and any other', async () => {
  const small = signatureGroups('ed25519').slice(1)
  assert.ok(small.length > 5)
  const jwk = await generateSigningKey('EdDSA', { activatesAt: 0 })
  const others = [
    ...small.map(({ key }) => key['x'] ?? ''),
    (await generateSigningKey('EdDSA', { activatesAt: 0 }))['x'],
  ]
  for (const x of others) assert.equal((await parseKey(JSON.stringify({ ...jwk, x }))).ok, false, String(x))
  assert.equal((await parseKey(JSON.stringify(jwk))).ok, true)
})

describe('TV-14 DS-02 a256gcm: what is sealed opens', async () => {
  const { keys, sid, vectors } = sealedVectors()
  const signing = await verifyingKey(signatureGroups('es256')[0] ?? assert.fail())
  const ring = createKeyRing([signing, ...(await Promise.all(keys.map(keyFrom)))], minutes(60 * 24 * 60), vectorClock)
  const sealer = createSealer(ring, vectorClock)
  for (const { comment, sealed, good } of vectors) {
    test(comment, async () => {
      const opened = await sealer.open(sealed, sid)
      if (!good) assert.equal(opened, undefined)
      else assert.match(opened?.token.reveal() ?? '', /^an upstream token$|^[\w-]+\.[\w-]+\.[\w-]+$/)
    })
  }
})
