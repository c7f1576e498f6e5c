import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readConfig, readConfigWithWarnings } from '../../src/cli/config.ts'
import { CommandFault, exits } from '../../src/cli/faults.ts'
import { minimal } from '../config/samples.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-cli-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const file = join(folder, 'postern.yaml')
// JSON is YAML.
writeFileSync(file, JSON.stringify(minimal))

test('a command reads the configuration that it is given', async () => {
  assert.equal((await readConfig(file)).publicUrl, minimal.publicUrl)
  assert.equal((await readConfigWithWarnings(file)).warnings.length, 2)
})

test('a file that is missing is bad usage, with the next thing to try', async () => {
  await assert.rejects(readConfig(join(folder, 'none.yaml')), (error) => {
    assert.ok(error instanceof CommandFault)
    assert.equal(error.exit, exits.usage)
    assert.match(error.message, /none\.yaml does not exist\. Name the configuration with: --config FILE$/)
    return true
  })
})

test('a configuration with faults is another matter', async () => {
  writeFileSync(join(folder, 'bad.yaml'), 'publicUrl: 1\n')
  await assert.rejects(readConfig(join(folder, 'bad.yaml')), { code: 'POSTERN_CONFIG_INVALID' })
})
