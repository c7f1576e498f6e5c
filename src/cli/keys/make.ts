import { existsSync } from 'node:fs'
import {
  defaultAlgorithm,
  isSignatureAlgorithm,
  signatureAlgorithms,
  type SignatureAlgorithm,
} from '../../keys/algorithms.ts'
import { readKeyFolder, removeKeyFile, writeKeyFile } from '../../keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../../keys/generate.ts'
import type { Key } from '../../keys/key.ts'
import { familyRoles, type FamilyRoles } from '../../keys/ring.ts'
import { CommandFault, exits, unwritable, type Exit } from '../faults.ts'
import type { KeyFlags, KeySettings } from './settings.ts'

/** The first key of each family, used at once. Those of the demo do not count: no gateway takes them. */
export async function generate(settings: KeySettings, flags: KeyFlags): Promise<Exit> {
  const alg = algorithm(flags.alg) ?? defaultAlgorithm
  const { roles } = await readAll(settings)
  const { signing, sealing } = (await read(settings, { allowDemo: false })).roles
  if (signing.current !== undefined && sealing.current !== undefined)
    throw new CommandFault(
      `Nothing was made: ${settings.dir} has keys. For the next of each: postern keys rotate --dir ${settings.dir}`,
    )
  return make(settings, flags, roles, alg)
}

/** The same in the place of keys that are there, once: a rotation that has not begun is not overtaken. */
export async function rotate(settings: KeySettings, flags: KeyFlags): Promise<Exit> {
  const asked = algorithm(flags.alg)
  const { keys, roles } = await readAll(settings)
  const { signing, sealing } = roles
  if (signing.current === undefined || sealing.current === undefined)
    throw new CommandFault(
      `${settings.dir}: there are no keys to rotate; make the first with: postern keys generate --dir ${settings.dir}`,
    )
  const pending = keys.find(({ kid }) => signing.roleOf.get(kid) === 'next' || sealing.roleOf.get(kid) === 'next')
  if (pending !== undefined && flags.force !== true)
    throw new CommandFault(
      `Nothing was made: ${pending.kid} waits to be used from ${new Date(pending.activatesAt).toISOString()}. For one more all the same: --force`,
    )
  return make(settings, flags, roles, asked ?? signing.current.alg)
}

async function make(
  { dir, publishAhead }: KeySettings,
  { json = false }: KeyFlags,
  { signing, sealing }: FamilyRoles,
  alg: SignatureAlgorithm,
): Promise<Exit> {
  // Where keys exist, verifiers and other replicas must see a new one before it is used (security.md KR-03).
  const first = signing.current === undefined && sealing.current === undefined
  const activatesAt = Date.now() + (first ? 0 : publishAhead)
  const made = [
    { family: 'signing', jwk: await generateSigningKey(alg, { activatesAt, follows: signing.current?.kid }) },
    { family: 'sealing', jwk: generateSealingKey({ activatesAt, follows: sealing.current?.kid }) },
  ]
  const keys: { kid: string; family: string; activatesAt: string; file: string }[] = []
  try {
    for (const { family, jwk } of made)
      keys.push({ kid: jwk.kid, family, activatesAt: jwk.activatesAt, file: await writeKeyFile(dir, jwk) })
  } catch (error) {
    // Both or none: half a rotation would keep the next one waiting.
    for (const { kid } of keys) await removeKeyFile(dir, kid)
    throw unwritable(dir, error)
  }
  process.stdout.write(
    json
      ? `${JSON.stringify({ keys }, undefined, 2)}\n`
      : keys.map(({ file, activatesAt: from }) => `${file}  used from ${from}\n`).join(''),
  )
  return exits.good
}

function algorithm(alg: string | undefined): SignatureAlgorithm | undefined {
  if (alg === undefined || isSignatureAlgorithm(alg)) return alg
  throw new CommandFault(
    `${JSON.stringify(alg)} is not one of ${Object.keys(signatureAlgorithms).join(', ')}.`,
    exits.usage,
  )
}

interface KeysOfFolder {
  readonly keys: readonly Key[]
  readonly roles: FamilyRoles
}

async function readAll(settings: KeySettings): Promise<KeysOfFolder> {
  const { keys, faults, roles } = await read(settings, { allowDemo: true })
  if (faults.length > 0)
    throw new CommandFault(`Nothing was made; put this right first.\n${faults.map((fault) => `  ${fault}`).join('\n')}`)
  return { keys, roles }
}

async function read(
  { dir, retention }: KeySettings,
  { allowDemo }: { readonly allowDemo: boolean },
): Promise<KeysOfFolder & { readonly faults: readonly string[] }> {
  const { keys, faults } = existsSync(dir) ? await readKeyFolder(dir, { allowDemo }) : { keys: [], faults: [] }
  return { keys, faults, roles: familyRoles(keys, Date.now(), retention) }
}
