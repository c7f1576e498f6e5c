import { access, constants, mkdir, open, readdir, readFile, rename, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { PosternError } from '../base/errors.ts'
import type { StoredJwk } from './generate.ts'
import { parseKey, type Key, type KeyRules } from './key.ts'
import { unusable } from './ring.ts'

const suffix = '.jwk.json'

export interface FolderReading {
  readonly keys: readonly Key[]
  /** One sentence each, beginning with the file's name. Never key material. */
  readonly faults: readonly string[]
}

/** Reads every `<kid>.jwk.json` of a folder. Never throws: what is wrong stands in `faults`. */
export async function readKeyFolder(dir: string, rules: KeyRules = {}): Promise<FolderReading> {
  let names: string[]
  try {
    const folder = await stat(dir)
    if ((folder.mode & 0o002) !== 0 && !(await isReadOnly(dir))) {
      return { keys: [], faults: [`${dir}: anyone may write to this folder; run: chmod o-w ${dir}`] }
    }
    names = (await readdir(dir)).filter((name) => name.endsWith(suffix) && !name.startsWith('.')).toSorted()
  } catch {
    return {
      keys: [],
      faults: [`${dir}: this folder cannot be read; make it and its keys with: postern keys generate --dir ${dir}`],
    }
  }
  const keys: Key[] = []
  const faults: string[] = []
  for (const name of names) {
    const result = await readKeyFile(join(dir, name), rules)
    if (!result.ok) faults.push(`${name}: ${result.fault}`)
    else if (`${result.key.kid}${suffix}` !== name)
      faults.push(`${name}: holds the kid ${result.key.kid}; the name must be ${result.key.kid}${suffix}`)
    else keys.push(result.key)
  }
  return { keys, faults }
}

/**
 * The keys of a folder that can be started with.
 *
 * @throws PosternError `POSTERN_KEYS_UNUSABLE` with every fault, when a file is refused or a family has no key
 */
export async function loadKeyFolder(dir: string, rules: KeyRules = {}): Promise<readonly Key[]> {
  const { keys, faults } = await readKeyFolder(dir, rules)
  const missing = faults.length === 0 ? unusable(keys) : undefined
  const all =
    missing === undefined ? faults : [`${dir}: ${missing}; make them with: postern keys generate --dir ${dir}`]
  if (all.length > 0)
    throw new PosternError(
      'POSTERN_KEYS_UNUSABLE',
      `The keys cannot be used.\n${all.map((text) => `  ${text}`).join('\n')}`,
    )
  return keys
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

async function readKeyFile(file: string, rules: KeyRules) {
  try {
    const about = await stat(file)
    const modeFault = refusedMode(about)
    if (modeFault !== undefined) return { ok: false, fault: `${modeFault}; run: chmod 600 ${basename(file)}` } as const
    return await parseKey(await readFile(file, 'utf8'), rules)
  } catch {
    return { ok: false, fault: 'cannot be read' } as const
  }
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

/** Writes a key file so that a reader sees all of it or none. Returns its path. */
export async function writeKeyFile(dir: string, jwk: StoredJwk): Promise<string> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const file = join(dir, `${jwk.kid}${suffix}`)
  const half = join(dir, `.${jwk.kid}.tmp`)
  const handle = await open(half, 'wx', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(jwk, undefined, 2)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(half, file)
  return file
}
