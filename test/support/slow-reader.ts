import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { temporaryFolder } from '../cli/session.ts'

export interface SlowReader {
  /** To be opened for writing. */
  readonly path: string
  /** What waits in the pipe; it holds 64 kB. */
  read(): string
}

/** A pipe, and somebody at its other end who reads when told to. */
export function slowReader(t: TestContext): SlowReader {
  const folder = temporaryFolder()
  const path = join(folder, 'pipe')
  assert.equal(spawnSync('mkfifo', [path]).status, 0)
  // Open for both: it is never without a reader, and opening it waits for nobody.
  const end = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  t.after(() => {
    closeSync(end)
    rmSync(folder, { recursive: true, force: true })
  })
  const bytes = Buffer.alloc(65_536)
  return {
    path,
    read() {
      let text = ''
      for (;;) {
        try {
          text += bytes.toString('utf8', 0, readSync(end, bytes))
        } catch {
          return text
        }
      }
    },
  }
}
