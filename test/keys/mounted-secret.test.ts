import assert from 'node:assert/strict'
import { chmod, chown, mkdir, mkdtemp, readdir, rename, rm, symlink, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { readKeyFolder, writeKeyFile } from '../../src/keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'

const activatesAt = Date.parse('2026-11-01T00:00:00Z')
const skip = process.getuid?.() === 0 ? false : 'only root can give a file to somebody else'
const somebodyElse = 65_533
const ours = process.getgroups?.()[0] ?? 0
const notOurs = 65_533

interface Mode {
  readonly mode: number
  readonly group: number
}

/** A folder as the kubelet mounts a Secret: each name leads through `..data` to a folder that is swapped as a whole. */
async function mountedSecret(t: TestContext, about: Mode): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'postern-secret-'))
  t.after(() => rm(dir, { recursive: true }))
  await swap(dir, '..2026_11_01_00_00_00.1', about)
  return dir
}

/** In the kubelet's order: the new folder, the swap, names that are new, names that are gone. */
async function swap(dir: string, version: string, { mode, group }: Mode): Promise<void> {
  const data = join(dir, version)
  await mkdir(data, { mode: 0o755 })
  for (const jwk of [await generateSigningKey('ES256', { activatesAt }), generateSealingKey({ activatesAt })]) {
    const file = await writeKeyFile(data, jwk)
    await chown(file, somebodyElse, group)
    await chmod(file, mode)
  }
  await symlink(version, join(dir, '..data_tmp'))
  await rename(join(dir, '..data_tmp'), join(dir, '..data'))
  const names = await readdir(data)
  const before = (await readdir(dir)).filter((name) => !name.startsWith('..'))
  for (const name of names) if (!before.includes(name)) await symlink(join('..data', name), join(dir, name))
  for (const name of before) if (!names.includes(name)) await unlink(join(dir, name))
}

describe('KR-06 a folder as Kubernetes mounts a Secret', { skip }, () => {
  test('is read where the files are of somebody else and of our group', async (t) => {
    const dir = await mountedSecret(t, { mode: 0o440, group: ours })
    const { keys, faults } = await readKeyFolder(dir)
    assert.deepEqual(faults, [])
    assert.deepEqual(keys.map(({ kind }) => kind).toSorted(), ['sealing', 'signing'])
  })

  test('is read anew after a swap, without the keys that are gone', async (t) => {
    const about = { mode: 0o440, group: ours }
    const dir = await mountedSecret(t, about)
    const earlier = (await readKeyFolder(dir)).keys.map(({ kid }) => kid)
    await swap(dir, '..2026_11_02_00_00_00.2', about)
    const { keys, faults } = await readKeyFolder(dir)
    assert.deepEqual(faults, [])
    assert.equal(keys.length, 2)
    assert.ok(keys.every(({ kid }) => !earlier.includes(kid)))
  })

  test('is refused with the mode that Kubernetes gives by itself', async (t) => {
    const dir = await mountedSecret(t, { mode: 0o644, group: ours })
    const { keys, faults } = await readKeyFolder(dir)
    assert.deepEqual(keys, [])
    assert.equal(faults.length, 2)
    for (const fault of faults) assert.match(fault, /is open to everyone on this machine/)
  })

  test('is refused where the group is not ours, as without fsGroup', async (t) => {
    const dir = await mountedSecret(t, { mode: 0o440, group: notOurs })
    const { keys, faults } = await readKeyFolder(dir)
    assert.deepEqual(keys, [])
    assert.equal(faults.length, 2)
    for (const fault of faults) assert.match(fault, /may be read by its group/)
  })
})
