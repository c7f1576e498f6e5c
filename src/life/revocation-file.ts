import { chmod, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isScalar, parseDocument, stringify, visit } from 'yaml'
import { PosternError } from '../base/errors.ts'
import { unwritableHint } from '../base/unwritable.ts'
import { readSmallFile, type SmallFile } from '../base/small-file.ts'
import { noRevocations, type RevocationList } from './revocations.ts'

export type RevocationsResult =
  | { readonly ok: true; readonly list: RevocationList }
  | { readonly ok: false; readonly faults: readonly string[] }

/** Milliseconds between two looks at the file. What two of them find alike is in force: within about a second. */
const interval = 500

/** Bytes; some 19,000 entries. No request is served while a list is parsed, so it may not be of any length. */
const largestFile = 1_048_576

const isoInstant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/
const members = ['notBefore', 'subjects', 'sessions'] as const

/** Text of a revocations file to the list. Never throws; every fault at once. An empty text is an empty list. */
export function parseRevocations(text: string): RevocationsResult {
  let value: unknown
  try {
    // As texts, so that a time in YAML's own notation and one in quotes are the same. The library looks for repeated keys
    // in a time that grows with the square of their number.
    const document = parseDocument(text, { schema: 'failsafe', uniqueKeys: false, stringKeys: true })
    if (document.errors.length > 0) return { ok: false, faults: ['this is not YAML'] }
    const repeated = repeatedKey(document)
    if (repeated !== undefined) return { ok: false, faults: [`${repeated}: stands in its map twice`] }
    // An alias repeats, it never helps here.
    value = document.toJS({ maxAliasCount: 0 }) ?? {}
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

function repeatedKey(document: ReturnType<typeof parseDocument>): string | undefined {
  let repeated: string | undefined
  visit(document, {
    Map(_key, { items }) {
      const seen = new Set<unknown>()
      for (const { key } of items) {
        const name = isScalar(key) ? key.value : key
        if (seen.has(name)) repeated = String(name)
        seen.add(name)
      }
      return repeated === undefined ? undefined : visit.BREAK
    },
  })
  return repeated
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

/** A list with the text that it was read from; undefined: there is no file yet. */
export interface ReadList {
  readonly list: RevocationList
  readonly text: string | undefined
}

/**
 * The list in a file; an empty one where there is no file yet.
 *
 * @throws PosternError `POSTERN_REVOCATIONS_INVALID` with every fault
 */
export async function readRevocations(file: string): Promise<RevocationList> {
  return (await readList(file)).list
}

/** The same, to be followed from there. */
export async function readList(file: string): Promise<ReadList> {
  const found = await readSmallFile(file, largestFile)
  if (found.ok) return { list: listIn(file, found.text), text: found.text }
  if (found.fault === 'is not there') return { list: noRevocations, text: undefined }
  throw new PosternError('POSTERN_REVOCATIONS_INVALID', `${file}: ${found.fault}${tooLarge(found.fault)}.`)
}

function listIn(file: string, text: string): RevocationList {
  const result = parseRevocations(text)
  if (result.ok) return result.list
  throw new PosternError(
    'POSTERN_REVOCATIONS_INVALID',
    `${file} cannot be used.\n${result.faults.map((fault) => `  ${fault}`).join('\n')}`,
  )
}

const tooLarge = (fault: string) => (fault === 'is too large' ? ` (at most ${largestFile} bytes)` : '')

/**
 * Reads the list, changes it and writes it, one process after the other, so that no entry is lost between two. A reader
 * sees all of it or none.
 *
 * @throws PosternError `POSTERN_REVOCATIONS_INVALID` with every fault of the list that is there
 *   and when it cannot be written, `POSTERN_REVOCATIONS_LOCKED` when another process keeps the file for longer than five seconds
 * @param wait Default: a timer
 */
export async function changeRevocations(
  file: string,
  change: (before: RevocationList) => RevocationList,
  wait: Wait = sleep,
): Promise<void> {
  // What a link leads to is the list; the link itself stays.
  const target = await realpath(file).catch(() => file)
  const lock = besides(target, 'lock')
  await takeLock(lock, wait)
  const half = besides(target, 'tmp')
  try {
    const mode = await stat(target).then(
      ({ mode: before }) => before & 0o777,
      () => 0o644,
    )
    const text = textOf(change(await readRevocations(target)))
    if (Buffer.byteLength(text) > largestFile)
      throw new PosternError(
        'POSTERN_REVOCATIONS_INVALID',
        `${file}: would be larger than ${largestFile} bytes, and no gateway would read it. Nothing was written; end everyone's sessions with: postern revoke --all`,
      )
    await writeFile(half, text, { flush: true })
    // Whatever the umask is: a gateway under another user has to be able to read it.
    await chmod(half, mode)
    await rename(half, target)
  } catch (error) {
    await takeAway(half)
    throw unwritable(file, error)
  } finally {
    await rm(lock, { force: true })
  }
}

/** After something else has failed: that is what has to be told, and not that there was nothing to take away. */
async function takeAway(file: string): Promise<void> {
  await rm(file, { force: true }).catch(() => undefined)
}

/** Milliseconds between two tries, and how many. */
const lockTries = { every: 50, most: 100 }

type Wait = (milliseconds: number) => Promise<unknown>

async function takeLock(lock: string, wait: Wait): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await writeFile(lock, `${process.pid}\n`, { flag: 'wx' })
      return
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) {
        // A full disk takes the name and not what is in it: the file would keep out whoever comes next.
        await takeAway(lock)
        throw unwritable(lock, error)
      }
      if (tries === lockTries.most) {
        throw new PosternError(
          'POSTERN_REVOCATIONS_LOCKED',
          `${lock} says that another process is at work on the list. If none is, delete that file and try again.`,
        )
      }
    }
    await wait(lockTries.every)
  }
}

function unwritable(file: string, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error) || error instanceof PosternError) return error
  return new PosternError(
    'POSTERN_REVOCATIONS_INVALID',
    `${file}: cannot be written (${String(error.code)}). Nothing was changed. ${unwritableHint(String(error.code))}`,
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
  /** Looks now, beside the looks that come by themselves. Never rejects. */
  look(): Promise<void>
  close(): void
}

/**
 * Follows the file while the process runs. It is read at every look: what could not be read once is read the next time,
 * and a swapped symlink, a rename over it and an edit are all seen. What two looks find alike is taken, so that nobody is
 * let in again by a list that is only half written. What cannot be used is reported once, and the list before it stays in
 * force; so too when a file that had something in it is gone or empty.
 *
 * @param first what is in force already. Default: nothing
 */
export function watchRevocations(
  file: string,
  onList: (list: RevocationList) => void,
  onFault: (message: string) => void,
  { text: first }: Pick<ReadList, 'text'> = { text: undefined },
): RevocationWatch {
  /** Of the list in force; undefined before the first one. */
  let inForce = first
  let seen: string | undefined
  let told: string | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  async function look(): Promise<void> {
    const found = await readSmallFile(file, largestFile)
    if (closed) return
    // A file that has never been there is an empty list.
    if (!found.ok && found.fault === 'is not there' && inForce === undefined) return
    const text = found.ok ? found.text : undefined
    const state = text ?? `\u0000${found.ok ? '' : found.fault}`
    const settled = state === seen
    seen = state
    if (!settled || state === told) return
    if (text !== undefined && text === inForce) {
      told = undefined
      return
    }
    try {
      take(found)
      told = undefined
    } catch (error) {
      told = state
      onFault(
        `${error instanceof PosternError ? error.message : `${file} cannot be used.`} The list before it stays in force.`,
      )
    }
  }

  function take(found: SmallFile): void {
    if (!found.ok)
      throw new PosternError('POSTERN_REVOCATIONS_INVALID', `${file}: ${found.fault}${tooLarge(found.fault)}.`)
    // As a full disk leaves it behind.
    if (found.text.trim() === '' && (inForce ?? '').trim() !== '')
      throw new PosternError('POSTERN_REVOCATIONS_INVALID', `${file}: is empty; a list of nobody is {}.`)
    onList(listIn(file, found.text))
    inForce = found.text
  }

  function wait(): void {
    timer = setTimeout(() => {
      void look().then(() => {
        if (!closed) wait()
      })
    }, interval).unref()
  }

  wait()
  return {
    look,
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
