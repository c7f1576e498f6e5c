import { chmod, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { unwatchFile, watchFile, type Stats } from 'node:fs'
import { dirname, basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
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
    if (hasCode(error, 'ENOENT') && missing === 'empty') return noRevocations
    throw new PosternError('POSTERN_REVOCATIONS_INVALID', `${file}: cannot be read.`)
  }
  const result = parseRevocations(text)
  if (result.ok) return result.list
  throw new PosternError(
    'POSTERN_REVOCATIONS_INVALID',
    `${file} cannot be used.\n${result.faults.map((fault) => `  ${fault}`).join('\n')}`,
  )
}

/**
 * Reads the list, changes it and writes it, one process after the other, so that no entry is lost between two. A reader
 * sees all of it or none.
 *
 * @throws PosternError `POSTERN_REVOCATIONS_INVALID` with every fault of the list that is there
 *   and when it cannot be written, `POSTERN_REVOCATIONS_LOCKED` when another process keeps the file for longer than five seconds
 */
export async function changeRevocations(
  file: string,
  change: (before: RevocationList) => RevocationList,
): Promise<void> {
  // What a link leads to is the list; the link itself stays.
  const target = await realpath(file).catch(() => file)
  const lock = besides(target, 'lock')
  await takeLock(lock)
  try {
    const half = besides(target, 'tmp')
    const mode = await stat(target).then(
      ({ mode: before }) => before & 0o777,
      () => 0o644,
    )
    await writeFile(half, textOf(change(await readRevocations(target))))
    // Whatever the umask is: a gateway under another user has to be able to read it.
    await chmod(half, mode)
    await rename(half, target)
  } catch (error) {
    throw unwritable(file, error)
  } finally {
    await rm(lock, { force: true })
  }
}

/** Milliseconds between two tries, and how many. */
const lockTries = { every: 50, most: 100 }

async function takeLock(lock: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await writeFile(lock, `${process.pid}\n`, { flag: 'wx' })
      return
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw unwritable(lock, error)
      if (tries === lockTries.most) {
        throw new PosternError(
          'POSTERN_REVOCATIONS_LOCKED',
          `${lock} says that another process is at work on the list. If none is, delete that file and try again.`,
        )
      }
    }
    await sleep(lockTries.every)
  }
}

function unwritable(file: string, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error) || error instanceof PosternError) return error
  return new PosternError(
    'POSTERN_REVOCATIONS_INVALID',
    `${file}: cannot be written (${String(error.code)}). The folder must be there and writable for whoever runs this.`,
  )
}

function textOf(list: RevocationList): string {
  const iso = (at: number) => new Date(at).toISOString()
  const map = (times: ReadonlyMap<string, number>) => Object.fromEntries([...times].map(([key, at]) => [key, iso(at)]))
  return stringify({
    ...(list.notBefore === undefined ? {} : { notBefore: iso(list.notBefore) }),
    subjects: map(list.subjects),
    sessions: map(list.sessions),
  })
}

/** In the same folder, so that a rename is one step; hidden, so that nothing takes it for the list. */
function besides(file: string, ending: string): string {
  return join(dirname(file), `.${basename(file)}.${ending}`)
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

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
