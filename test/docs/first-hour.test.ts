import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { temporaryFolder } from '../cli/session.ts'
import { BrowserClient } from '../support/browser-client.ts'
import { freePort } from '../support/gateway.ts'
import { codeBlocks, readText, root, type Block } from './markdown.ts'
import { missingProgram, shell, start, type Running } from './program.ts'

const blocks = codeBlocks(readText('docs/first-hour.md'))

/** Parts whose commands are tried elsewhere: the README's own test, the package's, and the script for containers. */
const elsewhere = ['Look at it', 'In a container']

describe('the first hour, typed as it stands there', { skip: missingProgram('curl') }, async () => {
  const folder = temporaryFolder()
  const running: Running[] = []
  const ports = new Map<string, string>()
  for (const port of ['8080', '9080', '4000', '3000']) ports.set(port, String(await freePort()))
  const here = (text: string) => text.replaceAll(/\b(?:8080|9080|4000|3000)\b/g, (port) => ports.get(port) ?? port)
  const address = (port: string) => `http://localhost:${ports.get(port)}`
  const main = join(root, 'src/cli/main.ts')

  before(() => {
    // What the installation puts there.
    mkdirSync(join(folder, 'bin'))
    writeFileSync(join(folder, 'bin/postern'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
    chmodSync(join(folder, 'bin/postern'), 0o755)
  })
  after(async () => {
    for (const one of running.toReversed()) await one.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** What runs in a terminal of its own. */
  const servers: Readonly<Record<string, () => Promise<Running>>> = {
    'node login-api.mjs\n': () => start(folder, ['login-api.mjs'], address('4000')),
    'node app.mjs\n': () => start(folder, ['app.mjs'], address('3000')),
    'postern serve\n': () => start(folder, [main, 'serve'], `${address('8080')}/public/`),
  }

  async function type({ language, text }: Block): Promise<string> {
    const named = /^(?:\/\/|#) (\S+)\n/.exec(text)?.[1]
    if (named !== undefined && language !== 'sh') writeFileSync(join(folder, named), here(text))
    if (language !== 'sh') return ''
    const server = servers[text]
    if (server === undefined) return shell(folder, `PATH="$PWD/bin:$PATH"\n${here(text)}`)
    running.push(await server())
    return ''
  }

  const headings = [...new Set(blocks.map(({ heading }) => heading))].filter((one) => !elsewhere.includes(one))
  for (const heading of headings)
    test(heading, async () => {
      let printed = ''
      for (const block of blocks.filter((one) => one.heading === heading)) {
        // What is shown as printed is what the block before it printed.
        if (block.language === 'text') assert.equal(printed, block.text)
        else printed = await type(block)
        await shown[block.text]?.(printed)
      }
      await shown[heading]?.(printed)
    })

  /** What the page says of a block, or of a part when it is done. */
  const shown: Readonly<Record<string, (printed: string) => unknown>> = {
    'curl -i http://localhost:8080/public/prices\ncurl -i http://localhost:8080/orders\n': (printed) => {
      assert.match(printed, /^HTTP\/1\.1 200 [^]*by nobody that I know\n/)
      assert.match(printed, /HTTP\/1\.1 401 [^]*"login_url":/)
    },
    'Put it in front of the app': async (explained) => {
      assert.match(explained, /200|backend/)
      const browser = new BrowserClient(address('8080'))
      await browser.send('/_auth/login', 'GET')
      const answer = await browser.signIn('grace@example.com', 'correct horse')
      assert.equal(answer.status, 303)
      assert.match((await browser.send('/orders')).text, /by accounts\|b7c1/)
    },
    'See it': (printed) => assert.match(printed, /^postern_sign_ins_total\{.*\} [1-9]/m),
    'Change the keys': (printed) => assert.match(printed, /by accounts\|b7c1/),
  }
})
