import { formatDuration, parseDuration } from '../../config/duration.ts'
import { readKeyFolder, removeKeyFile } from '../../keys/folder.ts'
import { familyRoles } from '../../keys/ring.ts'
import { CommandFault, exits, type Exit } from '../faults.ts'
import type { KeyFlags, KeySettings } from './settings.ts'

/** Takes away the keys that nothing can need any more: no token, and no socket that was opened with one. */
export async function prune(settings: KeySettings, flags: KeyFlags): Promise<Exit> {
  const { json = false, 'dry-run': dryRun = false } = flags
  const keeping = keepingOf(settings, flags)
  const { keys, faults } = await readKeyFolder(settings.dir, { allowDemo: true })
  // A file that cannot be read may be the very one that another key is kept for.
  if (faults.length > 0)
    throw new CommandFault(
      `Nothing was removed; put this right first.\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    )
  const now = Date.now()
  const { signing, sealing } = familyRoles(keys, now, settings.retention)
  const ended = [...signing.endOf, ...sealing.endOf].map(([kid, end]) => ({ kid, mayGoAt: end + keeping }))
  const removed = []
  const kept = []
  for (const { kid, mayGoAt } of ended) {
    if (mayGoAt > now) kept.push({ kid, mayGoAt: new Date(mayGoAt).toISOString() })
    else {
      if (!dryRun) await removeKeyFile(settings.dir, kid)
      removed.push({ kid })
    }
  }
  const verb = dryRun ? 'would be removed' : 'removed'
  const lines = [
    ...removed.map(({ kid }) => `${kid}  ${verb}`),
    ...kept.map(({ kid, mayGoAt }) => `${kid}  kept until ${mayGoAt}`),
    ...(ended.length === 0 ? ['Every key is in use, or waits to be.'] : []),
  ]
  process.stdout.write(
    json ? `${JSON.stringify({ dryRun, removed, kept }, undefined, 2)}\n` : lines.map((line) => `${line}\n`).join(''),
  )
  return exits.good
}

function keepingOf({ configured, keeping, retention }: KeySettings, { keep }: KeyFlags): number {
  if (keep === undefined) {
    if (configured) return keeping
    throw new CommandFault(
      'How long a key is needed follows from how long sessions last: name the configuration with --config FILE, or say --keep 8h.',
      exits.usage,
    )
  }
  const asked = parseDuration(keep)
  if (asked === 0) throw new CommandFault('--keep must be a duration, such as 8h.', exits.usage)
  if (configured && asked < retention)
    throw new CommandFault(
      `--keep must be at least ${formatDuration(retention)}: so long do tokens of this configuration need their key.`,
      exits.usage,
    )
  return asked
}
