import { createPublicKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { calculateJwkThumbprint, type JWK } from 'jose'
import { toSeconds, type Clock } from '../base/clock.ts'
import { tokenHash } from '../token/dpop-proof.ts'

/** What a proof is for. */
export interface TestRequest {
  /** Default: GET. */
  readonly method?: string | undefined
  /** A path of the public URL, or an absolute address. Default: `/`. */
  readonly url?: string | undefined
}

/** A key of a client, and proofs of it (RFC 9449 section 4.2). */
export interface TestProver {
  /** Thumbprint of the key. */
  readonly jkt: string
  prove(token: string, request: TestRequest): string
}

interface ProverSettings {
  readonly publicUrl: string
  readonly clock: Clock
  /** The nonce that a server would have handed out; undefined where there are none. */
  readonly nonce: () => string | undefined
}

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A new key at every call, in memory only. */
export async function createTestProver({ publicUrl, clock, nonce }: ProverSettings): Promise<TestProver> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' }) as JWK
  const header = encoded({ alg: 'ES256', typ: 'dpop+jwt', jwk })
  return {
    jkt: await calculateJwkThumbprint(jwk),
    prove(token, { method = 'GET', url = '/' }) {
      const { origin, pathname } = new URL(url, publicUrl)
      const payload = { jti: randomUUID(), htm: method, htu: origin + pathname, iat: toSeconds(clock()) }
      const text = `${header}.${encoded({ ...payload, ath: tokenHash(token), nonce: nonce() })}`
      const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${text}.${signature.toString('base64url')}`
    },
  }
}
