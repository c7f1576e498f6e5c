import assert from 'node:assert/strict'
import { defaultAlgorithm, type SignatureAlgorithm } from '../../src/keys/algorithms.ts'
import { generateSealingKey, generateSigningKey, type StoredJwk } from '../../src/keys/generate.ts'
import { parseKey, type Key } from '../../src/keys/key.ts'
import { secretKey } from './canaries.ts'

export async function keyFrom(jwk: StoredJwk): Promise<Key> {
  secretKey(jwk)
  const result = await parseKey(JSON.stringify(jwk))
  assert.ok(result.ok)
  return result.key
}

/** One signing and one sealing key that are current at `activatesAt`. */
export async function freshKeys(
  activatesAt: number,
  alg: SignatureAlgorithm = defaultAlgorithm,
): Promise<readonly Key[]> {
  return [
    await keyFrom(await generateSigningKey(alg, { activatesAt })),
    await keyFrom(generateSealingKey({ activatesAt })),
  ]
}
