/**
 * What an install without development dependencies brings: packages and bytes, as README.md says. From the lock file, and from what
 * is installed here.
 *
 *     npm run weight
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')

interface Locked {
  readonly dev?: boolean
  readonly optional?: boolean
  readonly peer?: boolean
  readonly devOptional?: boolean
}

export interface Weight {
  /** Asked for by name. */
  readonly direct: number
  /** With what those ask for. */
  readonly packages: number
  readonly bytes: number
  /** Heaviest first. */
  readonly parts: readonly { readonly folder: string; readonly bytes: number }[]
}

export function weigh(): Weight {
  const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8')) as Record<string, object>
  const locked = Object.entries(read('package-lock.json')['packages'] as Readonly<Record<string, Locked>>)
  const parts = locked
    .filter(
      ([folder, { dev, optional, peer, devOptional }]) => folder !== '' && !dev && !optional && !peer && !devOptional,
    )
    .map(([folder]) => ({ folder, bytes: bytesIn(join(root, folder)) }))
    .toSorted((a, b) => b.bytes - a.bytes)
  return {
    direct: Object.keys(read('package.json')['dependencies'] ?? {}).length,
    packages: parts.length,
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    parts,
  }
}

/** Without packages inside it, which the lock file names by themselves. */
function bytesIn(folder: string): number {
  let sum = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && entry.name !== 'node_modules') sum += bytesIn(path)
    if (entry.isFile()) sum += statSync(path).size
  }
  return sum
}

const inMegabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

if (import.meta.main) {
  const { direct, packages, bytes, parts } = weigh()
  console.log(`${direct} packages by name, ${packages} in all, ${inMegabytes(bytes)}. The heaviest:`)
  for (const part of parts.slice(0, 10)) console.log(`${inMegabytes(part.bytes).padStart(8)}  ${part.folder}`)
}
