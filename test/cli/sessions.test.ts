import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { play, readSession } from './session.ts'

/*
 * Each file of `sessions/` is played, and has to come out as it is written. After a change that is meant:
 * UPDATE_SESSIONS=1 npx node --test test/cli/sessions.test.ts, and read the difference.
 */

const folder = join(import.meta.dirname, 'sessions')

for (const name of readdirSync(folder).toSorted()) {
  const file = join(folder, name)
  const text = readFileSync(file, 'utf8')
  const session = readSession(text)
  test(session.title, async () => {
    const played = await play(session)
    if (process.env['UPDATE_SESSIONS'] === '1') writeFileSync(file, played)
    else assert.equal(played, text)
  })
}
