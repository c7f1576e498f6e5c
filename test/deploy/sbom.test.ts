import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { billOf, installForProduction, type Component } from '../../scripts/sbom.ts'
import { readText } from '../docs/markdown.ts'

/** SPDX names. Whoever adds one has read it: each allows use, change and passing on without opening what is built with it. */
const permissive = new Set(['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'])

interface Installed {
  readonly folder: string
  readonly name: string
  readonly version: string
  readonly license: unknown
}

/** Every package below a `node_modules`, found by walking it and not by asking npm. */
function installedBelow(modules: string): readonly Installed[] {
  return folders(modules).flatMap((name) => {
    const folder = join(modules, name)
    if (name.startsWith('.')) return []
    if (name.startsWith('@')) return folders(folder).flatMap((inner) => packageAt(join(folder, inner)))
    return packageAt(folder)
  })
}

function packageAt(folder: string): readonly Installed[] {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Installed
  return [{ folder, name, version, license }, ...installedBelow(join(folder, 'node_modules'))]
}

function folders(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  } catch {
    return []
  }
}

const told = ({ name, version }: Pick<Component, 'name' | 'version'>) => `${name} ${version}`

/** Since npm 10.2; that of Debian is older. */
const unable = spawnSync('npm', ['sbom', '--help']).status === 0 ? false : 'this npm makes no bill of materials'

describe('the bill of materials', { skip: unable }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-production-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  installForProduction(folder)
  const bill = billOf(folder)
  const installed = installedBelow(join(folder, 'node_modules'))

  test('CF-04 names exactly the packages of an install for production, each with its version', () => {
    assert.equal(`${bill.bomFormat} ${bill.metadata.component.name}`, 'CycloneDX postern')
    const found = [...new Set(installed.map(told))].toSorted()
    assert.ok(found.length > 20)
    assert.deepEqual(bill.components.map(told).toSorted(), found)
  })

  test('CF-04 names every dependency that the program says it has, and the client of Redis, and none for development', () => {
    const { dependencies, peerDependencies, devDependencies } = JSON.parse(readText('package.json')) as Record<
      string,
      Record<string, string>
    >
    const names = new Set(bill.components.map(({ name }) => name))
    const needed = Object.keys({ ...dependencies, ...peerDependencies })
    assert.deepEqual(
      needed.filter((name) => !names.has(name)),
      [],
    )
    // What the tests need as well as the program is in it; what only they need is not.
    for (const name of Object.keys(devDependencies ?? {}))
      assert.equal(
        names.has(name),
        installed.some((one) => one.name === name),
        name,
      )
    assert.ok(!names.has('typescript') && names.has('oauth4webapi'))
  })

  test('CF-04 has the checksum of each, as the lock file has it', () => {
    const { packages } = JSON.parse(readText('package-lock.json')) as {
      packages: Record<string, { version: string; integrity?: string }>
    }
    const locked = Object.entries(packages).map(([path, { version, integrity = '' }]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
      return [
        told({ name, version }),
        Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex'),
      ] as const
    })
    for (const component of bill.components) {
      const sums = component.hashes?.map(({ alg, content }) => `${alg} ${content}`)
      const wanted = locked.filter(([name]) => name === told(component)).map(([, sum]) => `SHA-512 ${sum}`)
      assert.ok(wanted.length > 0 && sums?.length === 1 && wanted.includes(sums[0] ?? ''), told(component))
    }
  })

  test('CF-04 has the licence of each, as the package itself says, and every one is permissive', () => {
    for (const { license, ...one } of installed) {
      const component = bill.components.find((other) => told(other) === told(one))
      const ids = component?.licenses?.map(({ license: named, expression }) => named?.id ?? expression)
      assert.deepEqual(ids, [license], told(one))
      assert.ok(permissive.has(String(license)), `${told(one)}: ${String(license)}`)
    }
  })
})
