import { readFile, rename, writeFile } from 'node:fs/promises'
import { unwatchFile, watchFile, type Stats } from 'node:fs'
import { dirname, basename, join } from 'node:path'
import { parse, stringify } from 'yaml'
import { PosternError } from '../base/errors.ts'
import { noRevocations, type RevocationList } from './revocations.ts'

export type RevocationsResult =
  | { readonly ok: true; readonly list: RevocationList }
  | { readonly ok: false; readonly faults: readonly string[] }

/** Milliseconds between two looks at the file. */
const interval = 1_000

const isoInstant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/
const members = ['notBefore', 'subjects', 'sessions'] as const

/** Text of a revocations file to the list. Never throws; every fault at once. An empty text is an empty list. */
export function parseRevocations(text: string): RevocationsResult {
  let value: unknown
  try {
    // As texts, so that a time in YAML's own notation and one in quotes are the same. An alias repeats, it never helps here.
    value = parse(text, { schema: 'failsafe', maxAliasCount: 0 }) ?? {}
  } catch {
    return { ok: false, faults: ['this is not YAML'] }
  }
  if (!isObject(value))
    return value === ''
      ? { ok: true, list: noRevocations }
      : { ok: false, faults: ['must be a map of notBefore, subjects and sessions'] }
  const faults = Object.keys(value).flatMap((name) =>
    members.some((one) => one === name) ? [] : [`${name}: is not one of ${members.join(', ')}`],
  )

  const time = (path: string, given: unknown): number | undefined => {
    const at = typeof given === 'string' && isoInstant.test(given) ? Date.parse(given) : Number.NaN
    if (!Number.isNaN(at)) return at
    faults.push(`${path}: must be a time in ISO 8601, such as 2026-11-24T12:00:00Z`)
    return undefined
  }
  const times = (name: string, given: unknown): ReadonlyMap<string, number> => {
    const found = new Map<string, number>()
    if (given === undefined || given === '') return found
    if (!isObject(given)) {
      faults.push(`${name}: must be a map to times`)
      return found
    }
    for (const [key, one] of Object.entries(given)) {
      const at = time(`${name}.${key}`, one)
      if (at !== undefined) found.set(key, at)
    }
    return found
  }

  const list = {
    notBefore:
      value['notBefore'] === undefined || value['notBefore'] === '' ? undefined : time('notBefore', value['notBefore']),
    subjects: times('subjects', value['subjects']),
    sessions: times('sessions', value['sessions']),
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, list }
}

/** Without what no living session can meet any more. @param oldest milliseconds since the epoch */
export function pruned(list: RevocationList, oldest: number): RevocationList {
  const kept = (times: ReadonlyMap<string, number>) => new Map([...times].filter(([, at]) => at >= oldest))
  return {
    notBefore: list.notBefore !== undefined && list.notBefore >= oldest ? list.notBefore : undefined,
    subjects: kept(list.subjects),
    sessions: kept(list.sessions),
  }
}

/**
 * The list in a file; an empty one where there is no file yet.
 *
 * @throws PosternError `POSTERN_REVOCATIONS_INVALID` with every fault
 */
export async function readRevocations(
  file: string,
  { missing = 'empty' }: { readonly missing?: 'empty' | 'fault' } = {},
): Promise<RevocationList> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (isMissing(error) && missing === 'empty') return noRevocations
    throw new PosternError('POSTERN_REVOCATIONS_INVALID', `${file}: cannot be read.`)
  }
  const result = parseRevocations(text)
  if (result.ok) return result.list
  throw new PosternError(
    'POSTERN_REVOCATIONS_INVALID',
    `${file} cannot be used.\n${result.faults.map((fault) => `  ${fault}`).join('\n')}`,
  )
}

/** Writes the whole list so that a reader sees all of it or none. */
export async function writeRevocations(file: string, list: RevocationList): Promise<void> {
  const iso = (at: number) => new Date(at).toISOString()
  const map = (times: ReadonlyMap<string, number>) => Object.fromEntries([...times].map(([key, at]) => [key, iso(at)]))
  const value = {
    ...(list.notBefore === undefined ? {} : { notBefore: iso(list.notBefore) }),
    subjects: map(list.subjects),
    sessions: map(list.sessions),
  }
  const half = join(dirname(file), `.${basename(file)}.${process.pid}.tmp`)
  await writeFile(half, stringify(value), { mode: 0o644 })
  await rename(half, file)
}

export interface RevocationWatch {
  /** Reads the file again now, without waiting for the next look. */
  reload(): Promise<void>
  close(): void
}

/**
 * Looks at the file every second: a swapped symlink, a rename over it and an edit are all seen. What cannot be used is
 * reported, and the list before it stays in force.
 */
export function watchRevocations(
  file: string,
  onList: (list: RevocationList) => void,
  onFault: (message: string) => void,
): RevocationWatch {
  async function reload(): Promise<void> {
    try {
      onList(await readRevocations(file, { missing: 'fault' }))
    } catch (error) {
      onFault(
        `${error instanceof PosternError ? error.message : `${file} cannot be used.`} The list before it stays in force.`,
      )
    }
  }
  const look = (now: Stats, before: Stats) => {
    // A file that has never been there is an empty list; one that was there and is gone is a fault.
    if (now.nlink === 0 && before.nlink === 0) return
    void reload()
  }
  watchFile(file, { interval, persistent: false }, look)
  return { reload, close: () => unwatchFile(file, look) }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
