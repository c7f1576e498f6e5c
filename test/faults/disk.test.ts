import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { postern, temporaryFolder } from '../cli/session.ts'
import { minimal } from '../config/samples.ts'

/* A file system of a few pages, mounted for one test. Where this machine does not let us, the reason is printed. */

function smallDisk(t: TestContext): string | undefined {
  const folder = temporaryFolder()
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', folder])
  t.after(() => {
    if (status === 0) spawnSync('umount', [folder])
    rmSync(folder, { recursive: true, force: true })
  })
  if (status === 0) return folder
  t.skip(`no file system can be mounted here: ${error?.message ?? stderr.toString().trim()}`)
  return undefined
}

/** Until not a byte more goes in. */
function fill(folder: string): void {
  const file = openSync(join(folder, 'ballast'), 'w')
  for (const size of [4_096, 1])
    for (;;) {
      try {
        writeSync(file, Buffer.alloc(size))
      } catch {
        break
      }
    }
  closeSync(file)
}

const everything = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'ballast')
      .map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name), 'utf8')]),
  )

test('the disk is full when keys are made or rotated', async (t) => {
  const folder = smallDisk(t)
  if (folder === undefined) return
  assert.equal((await postern(folder, ['keys', 'generate'])).code, 0)
  fill(folder)
  const before = everything(folder)
  for (const [command, dir] of [
    ['rotate', './keys'],
    ['generate', './others'],
  ] as const) {
    const { code, stdout, stderr } = await postern(folder, ['keys', command, '--dir', dir])
    assert.deepEqual(
      { code, stdout, stderr },
      {
        code: 1,
        stdout: '',
        stderr: `${dir}: cannot be written (ENOSPC). Nothing was changed. There is no room left: free some, and try again.\n`,
      },
    )
    assert.deepEqual(everything(folder), before)
  }
  rmSync(join(folder, 'ballast'))
  assert.equal((await postern(folder, ['keys', 'rotate'])).code, 0)
})

test('the disk is full when somebody is revoked', async (t) => {
  const folder = smallDisk(t)
  if (folder === undefined) return
  writeFileSync(
    join(folder, 'postern.yaml'),
    JSON.stringify({ ...minimal, revocations: { file: './revocations.yaml' } }),
  )
  assert.equal((await postern(folder, ['revoke', '--subject', 'accounts|1'])).code, 0)
  fill(folder)
  const before = everything(folder)
  const { code, stdout, stderr } = await postern(folder, ['revoke', '--subject', 'accounts|2'])
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(
    stderr,
    /^\S+: cannot be written \(ENOSPC\)\. Nothing was changed\. There is no room left: free some, and try again\.\n$/,
  )
  assert.deepEqual(everything(folder), before)
  // Nothing is left that would keep the next one out.
  rmSync(join(folder, 'ballast'))
  assert.equal((await postern(folder, ['revoke', '--subject', 'accounts|2'])).code, 0)
})
