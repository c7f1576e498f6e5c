import { open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PosternError } from '../base/errors.ts'
import { unwritableHint } from '../base/unwritable.ts'
import { readSmallFile, type SmallFile } from '../base/small-file.ts'
import { parseRevocations, revocationsText } from './revocation-text.ts'
import { noRevocations, type RevocationList } from './revocations.ts'

/** Bytes; some 19,000 entries. No request is served while a list is parsed, so it may not be of any length. */
const largestFile = 1_048_576

interface Owned {
  readonly mode: number
  readonly uid: number
  readonly gid: number
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
  const found = await readText(file)
  if (!found.ok && found.fault === 'is not there') return { list: noRevocations, text: undefined }
  return { list: listOf(file, found), text: found.ok ? found.text : undefined }
}

export function readText(file: string): Promise<SmallFile> {
  return readSmallFile(file, largestFile)
}

/** Faults that are told at most: one mistake of a program can stand in every line. */
const mostTold = 20

/** What to do about a file that is none. */
const mends = {
  'is not a file': 'Put a file there, or nothing.',
  'is too large': `At most ${largestFile} bytes are read: take out what is older than session.absoluteTimeout.`,
  'cannot be read': 'Let whoever runs the gateway read it.',
  'is not there': 'Put it back; a list of nobody is {}.',
} as const

/** @throws PosternError `POSTERN_REVOCATIONS_INVALID` with every fault, its line, and what to do */
export function listOf(file: string, found: SmallFile): RevocationList {
  if (!found.ok) throw invalid(`${file}: ${found.fault}. ${mends[found.fault]}`)
  const result = parseRevocations(found.text)
  if (result.ok) return result.list
  const { faults } = result
  const told = faults
    .slice(0, mostTold)
    .map(({ line, column, message }) => `  ${file}:${line}:${column} ${message}\n`)
    .join('')
  const more = faults.length > mostTold ? `  and ${faults.length - mostTold} more\n` : ''
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`
  throw invalid(`${file} has ${count}.\n${told}${more}Put each line right, or the last good file back.`)
}

function invalid(message: string): PosternError {
  return new PosternError('POSTERN_REVOCATIONS_INVALID', message)
}

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
    // As it was; a new one is of whom the folder is, if root makes it for a gateway that runs as somebody else.
    const owned: Owned = await stat(target).catch(async () => {
      const { uid, gid } = await stat(dirname(target))
      return { mode: 0o644, uid, gid }
    })
    const text = revocationsText(change(await readRevocations(target)))
    if (Buffer.byteLength(text) > largestFile)
      throw new PosternError(
        'POSTERN_REVOCATIONS_INVALID',
        `${file}: would be larger than ${largestFile} bytes, and no gateway would read it. Nothing was written; end everyone's sessions with: postern revoke --all`,
      )
    // What lies there is left of one that died, or is a link that somebody made: never written through.
    await takeAway(half)
    await writeHalf(half, text, owned)
    await rename(half, target)
  } catch (error) {
    await takeAway(half)
    throw unwritable(file, error)
  } finally {
    await rm(lock, { force: true })
  }
}

async function writeHalf(half: string, text: string, { mode, uid, gid }: Owned): Promise<void> {
  const handle = await open(half, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    const made = await handle.stat()
    if (process.getuid?.() === 0 && (made.uid !== uid || made.gid !== gid))
      await handle.chown(uid, gid).catch((error: unknown) => {
        // A root that may not: whoever may read it in any case has no need of it.
        if ((mode & 0o004) === 0) throw error
      })
    // Whatever the umask is: a gateway under another user has to be able to read it.
    await handle.chmod(mode & 0o777)
    await handle.sync()
  } finally {
    await handle.close()
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

/** In the same folder, so that a rename is one step; hidden, so that nothing takes it for the list. */
function besides(file: string, ending: string): string {
  return join(dirname(file), `.${basename(file)}.${ending}`)
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
