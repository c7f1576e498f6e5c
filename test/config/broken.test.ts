import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { loadConfigFile } from '../../src/config/load.ts'

/*
 * One mistake that people make in each `broken/*.yaml`, and beside it, as text, the one line that it is answered with. After a
 * change that is meant: UPDATE_SESSIONS=1 npx node --test test/config/broken.test.ts, and read the difference.
 */

const folder = join(import.meta.dirname, 'broken')
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.replace(/\.yaml$/, ''))
  .toSorted()

test('CF-01 there are at least twenty-five', () => assert.ok(names.length >= 25, String(names.length)))

for (const name of names) {
  test(`CF-01 ${name.replaceAll('-', ' ')}: one line, with file, line, column and the mend`, () => {
    const file = relative(process.cwd(), join(folder, `${name}.yaml`))
    const said = faultsOf(file).map((line) => line.trim().replace(`${file}:`, `${name}.yaml:`))
    assert.equal(said.length, 1, said.join('\n'))
    assert.match(said[0] ?? '', /^[a-z-]+\.yaml:\d+:\d+ \S.{10,}$/)
    const beside = join(folder, `${name}.txt`)
    if (process.env['UPDATE_SESSIONS'] === '1') writeFileSync(beside, `${said[0] ?? ''}\n`)
    else assert.equal(`${said[0] ?? ''}\n`, readFileSync(beside, 'utf8'))
  })
}

function faultsOf(file: string): readonly string[] {
  try {
    loadConfigFile(file, { env: {} })
  } catch (error) {
    return error instanceof Error ? error.message.split('\n').slice(1) : []
  }
  return []
}
