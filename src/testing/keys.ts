import { PosternError } from '../base/errors.ts'
import { defaultAlgorithm, type SignatureAlgorithm } from '../keys/algorithms.ts'
import { generateSealingKey, generateSigningKey, type StoredJwk } from '../keys/generate.ts'
import { parseKey, type Key } from '../keys/key.ts'

export interface TestKeySettings {
  /** Of the signing key. Default: ES256. */
  readonly algorithm?: SignatureAlgorithm
  /** Hears each key with its secret members, for tests that look for leaks. */
  readonly onSecret?: (key: StoredJwk) => void
}

/**
 * One signing and one sealing key, new at every call and in memory only: nothing that they sign is good anywhere else.
 *
 * @param activatesAt milliseconds since the epoch
 * @throws PosternError `POSTERN_TESTING_MISUSED` in production
 */
export async function testKeys(activatesAt: number, settings: TestKeySettings = {}): Promise<readonly Key[]> {
  refuseInProduction()
  const { algorithm = defaultAlgorithm, onSecret } = settings
  const stored = [await generateSigningKey(algorithm, { activatesAt }), generateSealingKey({ activatesAt })]
  return Promise.all(
    stored.map((key) => {
      onSecret?.(key)
      return keyOf(key)
    }),
  )
}

async function keyOf(stored: StoredJwk): Promise<Key> {
  const parsed = await parseKey(JSON.stringify(stored))
  if (!parsed.ok) throw new Error(`A key that was just made ${parsed.fault}.`)
  return parsed.key
}

/** Whoever can mint a session is everybody. Where people are let in for real, nothing here works. */
export function refuseInProduction(): void {
  if (process.env['NODE_ENV'] === 'production')
    throw new PosternError('POSTERN_TESTING_MISUSED', 'postern/testing does nothing where NODE_ENV is production.')
}
