import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import * as kit from '../../src/testing.ts'
import { launchChromium, missingChromium } from '../support/chromium.ts'
import { freePort } from '../support/gateway.ts'
import { exampleFolder } from './example-folder.ts'
import { codeBlocks, readText } from './markdown.ts'

const folder = exampleFolder()
after(() => rmSync(folder, { recursive: true, force: true }))
const browser = await launchChromium()
await browser?.close()

const page = readText('docs/testing.md')
const examples = codeBlocks(page).filter(({ language }) => language === 'ts')

for (const [index, { heading, text }] of examples.entries()) {
  const skip = text.includes('chromium') ? missingChromium(browser) : false
  test(`the example of "${heading}" passes as it is written`, { skip }, async () => {
    const options = codeBlocks(readText('README.md')).find((block) => block.text.includes('export const options'))
    const port = String(await freePort())
    const here = (code: string) => code.replaceAll('8080', port)
    const name = `example-${index}.test.ts`
    writeFileSync(join(folder, 'postern-options.ts'), here(options?.text ?? ''))
    writeFileSync(join(folder, name), here(text))
    const { code, output } = await runTest(name)
    assert.equal(code, 0, output)
    const passed = /^# pass (\d+)$/m.exec(output)?.[1]
    assert.equal(Number(passed), text.match(/^test\(/gm)?.length, output)
  })
}

test('every export stands in the table', () => {
  const listed = [...page.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([a-z]\w+)(?:\([^`]*\))?`/gi)].map(([, name]) => name),
  )
  for (const name of Object.keys(kit)) assert.ok(listed.includes(name), name)
})

function runTest(name: string): Promise<{ code: number; output: string }> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--test', '--test-reporter=tap', name],
      { cwd: folder, env },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? 1, output: stdout + stderr }),
    )
  })
}
