import { readKeyFolder } from '../../keys/folder.ts'
import { familyRoles } from '../../keys/ring.ts'
import { exits, type Exit } from '../faults.ts'
import type { KeyFlags, KeySettings } from './settings.ts'

/** The public set (RFC 7517 section 5), as the gateway shows it. */
export async function jwks({ dir, retention }: KeySettings, _flags: KeyFlags): Promise<Exit> {
  const { keys, faults } = await readKeyFolder(dir, { allowDemo: true })
  const { roleOf } = familyRoles(keys, Date.now(), retention).signing
  const shown = keys.flatMap((key) =>
    key.kind === 'signing' && roleOf.get(key.kid) !== 'expired' ? [key.publicJwk] : [],
  )
  process.stdout.write(`${JSON.stringify({ keys: shown }, undefined, 2)}\n`)
  for (const fault of faults) process.stderr.write(`${fault}\n`)
  return faults.length > 0 ? exits.faults : exits.good
}
