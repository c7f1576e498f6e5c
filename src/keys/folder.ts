import { createHash } from 'node:crypto'
import { access, constants, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { PosternError } from '../base/errors.ts'
import { readSmallFile } from '../base/small-file.ts'
import type { StoredJwk } from './generate.ts'
import { parseKey, type Key, type KeyResult, type KeyRules } from './key.ts'
import { unusable } from './ring.ts'

const suffix = '.jwk.json'

/** Bytes. No key is larger. */
const largestFile = 65_536

export interface FolderReading {
  readonly keys: readonly Key[]
  /** One sentence each, beginning with the file's name. Never key material. */
  readonly faults: readonly string[]
  /** Of every key file that is there, those with a fault included; undefined where the folder cannot be read. */
  readonly names: readonly string[] | undefined
  /** The same for two readings that found the same. */
  readonly state: string
}

export interface KeyFolder {
  readonly dir: string
  /** Never throws: what is wrong stands in `faults`. The key of a file that has not changed is the same object. */
  read(): Promise<FolderReading>
}

interface ReadFile {
  readonly state: string
  readonly result: KeyResult
}

const readingFault = {
  'is not a file': 'is not a file',
  'is too large': 'is larger than any key',
  'is not there': 'cannot be read',
  'cannot be read': 'cannot be read',
} as const

type GoodFile = ReadFile & { readonly result: { readonly ok: true } }

export function keyFileName(kid: string): string {
  return `${kid}${suffix}`
}

/** The `<kid>.jwk.json` of a folder, to be read again and again. */
export function createKeyFolder(dir: string, rules: KeyRules = {}): KeyFolder {
  /** As they were when they were last good. */
  let known = new Map<string, GoodFile>()

  async function read(): Promise<FolderReading> {
    let names: string[]
    let openToOthers: boolean
    try {
      openToOthers = ((await stat(dir)).mode & 0o022) !== 0 && !(await isReadOnly(dir))
      names = (await readdir(dir)).filter((name) => name.endsWith(suffix) && !name.startsWith('.')).toSorted()
    } catch {
      const fault = `${dir}: this folder cannot be read; make it and its keys with: postern keys generate --dir ${dir}`
      return { keys: [], faults: [fault], names: undefined, state: fault }
    }
    if (openToOthers) {
      // Whoever may write there makes keys that are taken within seconds.
      const fault = `${dir}: others may write to this folder; run: chmod go-w ${dir}, or mount it read-only`
      return { keys: [], faults: [fault], names, state: [fault, ...names].join('\n') }
    }
    const good = new Map<string, GoodFile>()
    const keys: Key[] = []
    const faults: string[] = []
    const states: string[] = []
    for (const name of names) {
      const before = known.get(name)
      const file = await readKeyFile(join(dir, name), rules, before)
      const { state, result } = file
      states.push(`${name} ${state}`)
      if (isGood(file)) good.set(name, file)
      else if (before !== undefined) good.set(name, before)
      if (!result.ok) faults.push(`${name}: ${result.fault}`)
      else if (keyFileName(result.key.kid) !== name)
        faults.push(`${name}: holds the kid ${result.key.kid}; the name must be ${keyFileName(result.key.kid)}`)
      else keys.push(result.key)
    }
    known = good
    return { keys, faults, names, state: states.join('\n') }
  }

  return { dir, read }
}

/** Reads a folder once. */
export function readKeyFolder(dir: string, rules: KeyRules = {}): Promise<FolderReading> {
  return createKeyFolder(dir, rules).read()
}

/** What keeps a reading from being started with, one sentence each. */
export function readingFaults(dir: string, { keys, faults }: FolderReading): readonly string[] {
  const missing = faults.length === 0 ? unusable(keys) : undefined
  return missing === undefined ? faults : [`${dir}: ${missing}; make them with: postern keys generate --dir ${dir}`]
}

/**
 * What a folder can be started with.
 *
 * @throws PosternError `POSTERN_KEYS_UNUSABLE` with every fault, when a file is refused or a family has no key
 */
export async function loadFrom(folder: KeyFolder): Promise<FolderReading> {
  const reading = await folder.read()
  const all = readingFaults(folder.dir, reading)
  if (all.length > 0)
    throw new PosternError(
      'POSTERN_KEYS_UNUSABLE',
      `The keys cannot be used.\n${all.map((text) => `  ${text}`).join('\n')}`,
    )
  return reading
}

/** The keys of a folder that can be started with. @throws as `loadFrom` */
export async function loadKeyFolder(dir: string, rules: KeyRules = {}): Promise<readonly Key[]> {
  return (await loadFrom(createKeyFolder(dir, rules))).keys
}

/** Kubernetes mounts secrets with mode 1777 and read-only, so that nobody can write there all the same. */
async function isReadOnly(dir: string): Promise<boolean> {
  try {
    await access(dir, constants.W_OK)
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EROFS'
  }
}

async function readKeyFile(file: string, rules: KeyRules, before: ReadFile | undefined): Promise<ReadFile> {
  const found = await readSmallFile(file, largestFile)
  if (!found.ok) return refused(readingFault[found.fault])
  const modeFault = refusedMode(found)
  if (modeFault !== undefined) return refused(`${modeFault}; run: chmod 600 ${basename(file)}`)
  const state = createHash('sha256').update(found.text).digest('base64url')
  return before?.state === state ? before : { state, result: await parseKey(found.text, rules) }
}

function isGood(file: ReadFile): file is GoodFile {
  return file.result.ok
}

function refused(fault: string): ReadFile {
  return { state: fault, result: { ok: false, fault } }
}

/** Kubernetes mounts secrets as root with our group, so group-readable is fine exactly there (security.md KR-06). */
function refusedMode(about: { mode: number; uid: number; gid: number }): string | undefined {
  if ((about.mode & 0o007) !== 0) return 'is open to everyone on this machine'
  if ((about.mode & 0o020) !== 0) return 'may be written by its group'
  if ((about.mode & 0o040) === 0) return undefined
  const ours = process.getgroups?.() ?? []
  const mounted = about.uid !== process.getuid?.() && ours.includes(about.gid)
  return mounted ? undefined : 'may be read by its group'
}

/** Writes a key file so that a reader sees all of it or none, and a crash leaves all of it or none. Returns its path. */
export async function writeKeyFile(dir: string, jwk: StoredJwk): Promise<string> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const file = join(dir, keyFileName(jwk.kid))
  const half = join(dir, `.${jwk.kid}.tmp`)
  const handle = await open(half, 'wx', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(jwk, undefined, 2)}\n`)
    // Made by root for a gateway that runs as somebody else, who owns the folder and has to read it.
    const { uid, gid } = await stat(dir)
    if (process.getuid?.() === 0 && uid !== 0) await handle.chown(uid, gid)
    await handle.sync()
    await rename(half, file)
  } catch (error) {
    await rm(half, { force: true })
    throw error
  } finally {
    await handle.close()
  }
  await syncFolder(dir)
  return file
}

/** Takes the file of a key away for good. Returns its path; one that is gone already is no fault. */
export async function removeKeyFile(dir: string, kid: string): Promise<string> {
  const file = join(dir, keyFileName(kid))
  await rm(file, { force: true })
  await syncFolder(dir)
  return file
}

/** What was renamed or removed stays so after a loss of power. */
async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY)
  try {
    await handle.sync()
  } catch {
    // Some file systems do not sync folders; what could be done has been done.
  } finally {
    await handle.close()
  }
}
