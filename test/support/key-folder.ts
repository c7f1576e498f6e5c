import { mkdtemp, rm, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { keyFileName, writeKeyFile } from '../../src/keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'
import { send } from './browser-client.ts'
import type { Gateway } from './gateway.ts'

/** Ids of a signing and a sealing key. */
export interface Pair {
  readonly signing: string
  readonly sealing: string
}

export async function emptyFolder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'postern-live-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

export async function addKeys(dir: string, activatesAt: number, follows?: Pair): Promise<Pair> {
  const signing = await generateSigningKey('ES256', { activatesAt, follows: follows?.signing })
  const sealing = generateSealingKey({ activatesAt, follows: follows?.sealing })
  // Sealing first: the pair is whole once the signing key shows in the JWKS.
  await writeKeyFile(dir, sealing)
  await writeKeyFile(dir, signing)
  return { signing: signing.kid, sealing: sealing.kid }
}

export const takeKey = (dir: string, kid: string): Promise<void> => unlink(join(dir, keyFileName(kid)))

export async function publishedBy({ origin }: Pick<Gateway, 'origin'>): Promise<readonly string[]> {
  const { keys } = (await send(`${origin}/.well-known/jwks.json`)).json() as { keys: readonly { kid: string }[] }
  return keys.map(({ kid }) => kid)
}

/** Once the gateway has seen a key come or go. */
export async function sees(gateway: Pick<Gateway, 'origin'>, kid: string, here = true): Promise<void> {
  while ((await publishedBy(gateway)).includes(kid) !== here) await new Promise((resolve) => setTimeout(resolve, 50))
}
