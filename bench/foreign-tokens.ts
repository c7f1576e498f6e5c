import { createPrivateKey, randomUUID, type KeyObject } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportSPKI, importJWK, SignJWT, type JWK } from 'jose'
import { publicUrl, type World } from './contestant.ts'

export const names = { issuer: publicUrl, audience: 'https://api.example.com' }

/** The signing key that the gateway uses, for those who make and verify tokens in another way. */
export function signingJwk({ keys }: World): JWK {
  const all = readdirSync(keys).map((name) => JSON.parse(readFileSync(join(keys, name), 'utf8')) as JWK)
  const found = all.find(({ use }) => use === 'sig')
  if (found === undefined) throw new Error('There is no signing key.')
  return found
}

export function privateKey(world: World): KeyObject {
  return createPrivateKey({ key: { ...signingJwk(world) }, format: 'jwk' })
}

export async function publicPem(world: World): Promise<string> {
  const { d: _, ...jwk } = signingJwk(world)
  return exportSPKI((await importJWK({ ...jwk, alg: 'ES256' }, 'ES256', { extractable: true })) as CryptoKey)
}

/** Access tokens as long as ours, of that many people, that live for an hour. */
export async function tokens(world: World, count: number): Promise<readonly string[]> {
  const key = privateKey(world)
  const { kid = '' } = signingJwk(world)
  const now = Math.floor(Date.now() / 1000)
  const upt = 'x'.repeat(200)
  return Promise.all(
    Array.from({ length: count }, () =>
      new SignJWT({ sub: 'accounts|1', name: 'john', roles: ['user'], client_id: 'postern', sid: randomUUID(), upt })
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt' })
        .setIssuer(names.issuer)
        .setAudience(names.audience)
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(now + 3600)
        .setJti(randomUUID())
        .sign(key),
    ),
  )
}
