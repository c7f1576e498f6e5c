import assert from 'node:assert/strict'
import { defaultAlgorithm, type SignatureAlgorithm } from '../../src/keys/algorithms.ts'
import type { StoredJwk } from '../../src/keys/generate.ts'
import { parseKey, type Key } from '../../src/keys/key.ts'
import { testKeys } from '../../src/testing.ts'
import { secretKey } from './canaries.ts'

export async function keyFrom(jwk: StoredJwk): Promise<Key> {
  secretKey(jwk)
  const result = await parseKey(JSON.stringify(jwk))
  assert.ok(result.ok)
  return result.key
}

/** One signing and one sealing key that are current at `activatesAt`. */
export function freshKeys(
  activatesAt: number,
  algorithm: SignatureAlgorithm = defaultAlgorithm,
): Promise<readonly Key[]> {
  return testKeys(activatesAt, { algorithm, onSecret: secretKey })
}
