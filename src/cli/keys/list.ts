import { sealingEncryption } from '../../keys/algorithms.ts'
import { readKeyFolder } from '../../keys/folder.ts'
import type { Key } from '../../keys/key.ts'
import { familyRoles } from '../../keys/ring.ts'
import { exits, type Exit } from '../faults.ts'
import type { KeyFlags, KeySettings } from './settings.ts'

interface Row {
  readonly kid: string
  readonly family: Key['kind']
  readonly alg: string
  readonly role: string
  readonly activatesAt: string
  readonly ageSeconds: number
  /** Of a key that is used no more. */
  readonly goodUntil?: string
  readonly mayGoAt?: string
}

/** Every key with its role, and when a retired one may go. What cannot be used is said on stderr, with exit 1. */
export async function list(settings: KeySettings, { json = false }: KeyFlags): Promise<Exit> {
  const { keys, faults } = await readKeyFolder(settings.dir, { allowDemo: true })
  const rows = rowsOf(keys, settings, Date.now())
  process.stdout.write(json ? `${JSON.stringify({ keys: rows }, undefined, 2)}\n` : table(rows))
  if (!json && !settings.configured && rows.some(({ mayGoAt }) => mayGoAt !== undefined))
    process.stdout.write('by the default times of sessions; for those of your configuration: --config FILE\n')
  for (const fault of faults) process.stderr.write(`${fault}\n`)
  return faults.length > 0 ? exits.faults : exits.good
}

function rowsOf(keys: readonly Key[], { retention, keeping }: KeySettings, now: number): readonly Row[] {
  const { signing, sealing } = familyRoles(keys, now, retention)
  const iso = (at: number) => new Date(at).toISOString()
  return [signing, sealing].flatMap(({ ordered, roleOf, endOf }) =>
    ordered.map((key) => {
      const end = endOf.get(key.kid)
      return {
        kid: key.kid,
        family: key.kind,
        alg: key.kind === 'signing' ? key.alg : sealingEncryption,
        role: roleOf.get(key.kid) ?? 'expired',
        activatesAt: iso(key.activatesAt),
        ageSeconds: Math.max(0, Math.floor((now - key.activatesAt) / 1000)),
        ...(end === undefined ? {} : { goodUntil: iso(end + retention), mayGoAt: iso(end + keeping) }),
      }
    }),
  )
}

function table(rows: readonly Row[]): string {
  const cells = [
    ['kid', 'family', 'alg', 'role', 'used from', 'age', 'good until', 'may go'],
    ...rows.map(({ kid, family, alg, role, activatesAt, ageSeconds, goodUntil = '', mayGoAt = '' }) => {
      const mayGo = mayGoAt !== '' && Date.parse(mayGoAt) <= Date.now() ? 'now' : mayGoAt
      return [kid, family, alg, role, activatesAt, `${Math.floor(ageSeconds / 86_400)}d`, goodUntil, mayGo]
    }),
  ]
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? []
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
