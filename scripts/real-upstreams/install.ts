import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './process.ts'

const minutes = (count: number): number => count * 60_000

export interface Installable {
  readonly name: string
  readonly version: string
  /** @param folder empty, and kept from one run to the next */
  install(folder: string): Promise<void>
}

/**
 * The folder in which a version stands. The file that says which one is written last: half an installation is none.
 *
 * @param cache where all of them stand
 */
export async function installOnce(cache: string, { name, version, install }: Installable): Promise<string> {
  const folder = join(cache, name)
  const mark = join(folder, 'installed-version')
  if (existsSync(mark) && readFileSync(mark, 'utf8') === version) return folder
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await install(folder)
  writeFileSync(mark, version)
  return folder
}

/** @param overrides dependencies to take instead of those that the package asks for */
export async function installFromNpm(
  folder: string,
  name: string,
  version: string,
  overrides: Readonly<Record<string, string>> = {},
) {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, overrides }))
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  await run('npm', ['install', '--prefix', folder, ...quiet, `${name}@${version}`], {
    cwd: folder,
    timeout: minutes(5),
  })
}

export async function installFromPypi(folder: string, name: string, version: string) {
  await run('python3', ['-m', 'venv', folder], { cwd: folder, timeout: minutes(2) })
  const quiet = ['--quiet', '--disable-pip-version-check']
  await run(join(folder, 'bin', 'pip'), ['install', ...quiet, `${name}==${version}`], {
    cwd: folder,
    timeout: minutes(5),
  })
}

/** A zip file of a Maven repository, unpacked. The client keeps what it fetches in a folder of its own. */
export async function installFromMaven(folder: string, group: string, name: string, version: string) {
  const coordinates = `${group}:${name}:${version}:zip`
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack'
  await run(
    'mvn',
    [
      '--quiet',
      '--batch-mode',
      goal,
      `-Dartifact=${coordinates}`,
      `-DoutputDirectory=${folder}`,
      `-DmarkersDirectory=${join(folder, 'markers')}`,
    ],
    {
      cwd: folder,
      timeout: minutes(10),
    },
  )
}

/** Compiles it, one package at a time, so that the machine stays of use for something else. */
export async function installFromGo(folder: string, path: string, version: string) {
  await run('go', ['install', '-p', '1', `${path}@v${version}`], {
    cwd: folder,
    env: { GOBIN: folder },
    timeout: minutes(15),
  })
}
