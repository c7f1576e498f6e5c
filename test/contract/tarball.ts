import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Package {
  /** A folder that has the package, and what it says it depends on, in its `node_modules`. */
  readonly folder: string
  /** Of the package. */
  readonly root: string
  readonly cli: string
  readonly files: readonly string[]
  remove(): void
}

const repository = fileURLToPath(new URL('../..', import.meta.url))
const installed = join(repository, 'node_modules')

const sources = [
  'src',
  'scripts',
  'docs',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'SECURITY.md',
]

/** What whoever writes a program with it has beside it. */
const tools = ['typescript', '@types/node']

/** Builds and packs a copy of the repository, and unpacks that where only its declared dependencies are to be found. */
export function unpackTarball(): Package {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'postern-package-')))
  try {
    return unpackInto(folder)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

function unpackInto(folder: string): Package {
  const stage = join(folder, 'stage')
  mkdirSync(stage)
  for (const name of sources) cpSync(join(repository, name), join(stage, name), { recursive: true })
  symlinkSync(installed, join(stage, 'node_modules'))
  run(process.execPath, ['scripts/build.ts'], stage)
  run('npm', ['pack', '--silent', '--offline', '--pack-destination', folder], stage)

  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  if (tarball === undefined) throw new Error('npm pack made nothing.')
  const root = join(folder, 'node_modules', 'postern')
  mkdirSync(root, { recursive: true })
  run('tar', ['-xzf', join(folder, tarball), '-C', root, '--strip-components=1'], folder)
  rmSync(stage, { recursive: true })

  for (const name of [...Object.keys(manifestOf(root).dependencies), ...tools]) {
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(installed, name), link)
  }
  return {
    folder,
    root,
    cli: join(root, manifestOf(root).bin.postern),
    files: readdirSync(root, { recursive: true, encoding: 'utf8' }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly bin: { readonly postern: string }
}

function manifestOf(root: string): Manifest {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
}

/** With the Node that runs the tests, whatever the machine's own is. */
function run(command: string, args: readonly string[], cwd: string): void {
  const path = [dirname(process.execPath), join(installed, '.bin'), process.env['PATH']].join(delimiter)
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, PATH: path },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed.\n${stdout}${stderr}`)
}
