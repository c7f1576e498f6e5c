import assert from 'node:assert/strict'
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parse as parseYaml } from 'yaml'
import type { Options } from '../../src/config/options.ts'
import { proofAlgorithms } from '../../src/token/dpop-proof.ts'
import { reasons } from '../../src/base/reasons.ts'
import { configOf, minimal, minimalUpstream } from '../config/samples.ts'
import { startExchangeSite } from '../support/exchange.ts'
import { exampleFolder } from './example-folder.ts'
import { codeBlocks, named, readText, root, tableRows } from './markdown.ts'
import { shell } from './program.ts'

const page = readText('docs/dpop.md')
const blocks = (language: string) => codeBlocks(page).filter((block) => block.language === language)

describe('docs/dpop.md', () => {
  for (const [index, { text }] of blocks('yaml').entries())
    test(`configuration ${index + 1} is good as it is written`, () => {
      const check = { request: { method: 'GET' as const, path: '/me' }, subject: { json: '/id' } }
      const upstreams = { accounts: { ...minimalUpstream, check } }
      const config = configOf({ ...minimal, upstreams, ...(parseYaml(text) as Partial<Options>) })
      assert.notEqual(config.dpop.mode, 'off')
    })

  for (const [index, { text }] of blocks('js').entries())
    test(`client ${index + 1} gets a bound token and uses it, as it is written`, async (t) => {
      const site = await startExchangeSite({ options: () => ({ dpop: { mode: 'required' } }) })
      t.after(() => site.close())
      // Its clock stands still, and the client's does not: with nonces that is no matter.
      const folder = exampleFolder()
      t.after(() => rmSync(folder, { recursive: true, force: true }))
      // There are several upstreams here, so that each has to be named.
      const ours = text
        .replace("password: 'password123'", "password: 'password123', upstream: 'accounts'")
        .replace('subject_token: SUBJECT_TOKEN', "subject_token: SUBJECT_TOKEN, upstream: 'accounts'")
      writeFileSync(join(folder, 'client.js'), ours)
      const token = await site.serviceToken()
      const said = await shell(
        folder,
        `GATEWAY=${site.gateway.origin} SUBJECT_TOKEN=${token} ${process.execPath} client.js`,
      )
      assert.equal((JSON.parse(said) as { subject: string }).subject, 'accounts|1')
    })

  test('tells every algorithm, and every reason that there is for a proof', () => {
    const rows = tableRows(page, 'What a proof has to be')
    const algorithms = rows.find(([member]) => member === '`alg`')?.[1] ?? ''
    assert.deepEqual(named(algorithms), proofAlgorithms)
    const told = rows.flatMap(([, , cell = '']) => named(cell))
    assert.deepEqual(new Set(told), new Set(Object.keys(reasons).filter((reason) => reason.startsWith('proof_'))))
  })

  test('names a test for every attack, and each of them exists', () => {
    const names = new Set(
      globSync('test/**/*.ts', { cwd: root }).flatMap((file) =>
        [...readFileSync(join(root, file), 'utf8').matchAll(/\btest\(\s*(['`"])(.*?[^\\])\1/g)].map(([, , name = '']) =>
          name.replaceAll(/\$\{[^}]*\}/g, '…'),
        ),
      ),
    )
    const rows = tableRows(page, 'What is held, and by which test')
    assert.ok(rows.length > 15)
    for (const [attack = '', , cell = ''] of rows) {
      const held = named(cell)
      assert.ok(held.length > 0, attack)
      for (const name of held) assert.ok(names.has(name), `${attack}: there is no test "${name}"`)
    }
  })
})
