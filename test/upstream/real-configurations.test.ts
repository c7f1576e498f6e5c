import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from '../../src/config/parse.ts'
import { readYaml } from '../../src/config/yaml-file.ts'
import { programs } from '../../scripts/real-upstreams/programs.ts'

const folder = new URL('../../examples/upstreams/', import.meta.url)
const files = readdirSync(folder).toSorted()

test('every real program has its file, and every file its program', () => {
  assert.deepEqual(files, programs.map(({ name }) => `${name}.yaml`).toSorted())
})

for (const file of files) {
  const yaml = readYaml(readFileSync(new URL(file, folder), 'utf8'))
  const name = file.slice(0, -'.yaml'.length)

  test(`examples/upstreams/${file} describes one upstream without faults`, () => {
    assert.ok(yaml.ok, JSON.stringify(yaml))
    const result = parse(
      { publicUrl: 'https://app.example.com', ...(yaml.value as object) },
      { readFile: () => undefined, env: () => undefined },
    )
    assert.ok(result.ok, JSON.stringify(result))
    assert.deepEqual([...result.config.upstreams.keys()], [name])
  })

  test(`examples/upstreams/${file} is warned about where a token outlives the sign-out`, () => {
    const { logout } = programs.find((program) => program.name === name)?.expected ?? {}
    assert.ok(yaml.ok)
    const result = parse(
      { publicUrl: 'https://app.example.com', ...(yaml.value as object) },
      { readFile: () => undefined, env: () => undefined },
    )
    assert.equal(result.ok && result.warnings.length, logout === 'ends the token' ? 0 : 1)
  })
}
