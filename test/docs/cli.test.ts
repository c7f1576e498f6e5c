import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { postern, temporaryFolder } from '../cli/session.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { send } from '../support/browser-client.ts'
import { freePort } from '../support/gateway.ts'
import { startService, type Service } from '../support/service.ts'
import { codeBlocks, readText, root } from './markdown.ts'
import { missingProgram, shell, start, type Running } from './program.ts'

const page = readText('docs/cli.md')
const headings = [...page.matchAll(/^## (.+)$/gm)].map((match) => match[1] ?? '')

test('the page has a part for every command, and for no other', async () => {
  const { stdout } = await postern(root, ['--help'])
  const known = [...stdout.matchAll(/^ {2}([a-z][a-z-]*)(?: [a-zA-Z ]+?)? {2,}/gm)].map((match) => match[1] ?? '')
  assert.deepEqual(headings.map((heading) => heading.replace(/ .*/, '')).toSorted(), [...new Set(known)].toSorted())
})

describe('the examples, in the order of the page', { skip: missingProgram('curl') }, () => {
  const folder = temporaryFolder()
  let service: Service
  let backend: Backend
  let running: Running | undefined
  let here = (text: string): string => text

  before(async () => {
    service = await startService()
    backend = await startBackend()
    const [port, adminPort] = [await freePort(), await freePort()]
    here = (text) =>
      text
        .replaceAll('localhost:8080', `localhost:${port}`)
        .replaceAll('port: 8080', `port: ${port}`)
        .replaceAll('9080', String(adminPort))
        .replaceAll('http://localhost:4000', service.origin)
        .replaceAll('http://localhost:3000', backend.origin)
    // What `npm install` puts there.
    mkdirSync(join(folder, 'bin'))
    const script = `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'src/cli/main.ts')}' "$@"\n`
    writeFileSync(join(folder, 'bin/postern'), script)
    chmodSync(join(folder, 'bin/postern'), 0o755)
    const yaml = codeBlocks(page).find(({ language }) => language === 'yaml')?.text ?? ''
    writeFileSync(join(folder, 'postern.yaml'), here(yaml))
  })

  after(async () => {
    await running?.stop()
    await service.close()
    await backend.close()
    rmSync(folder, { recursive: true, force: true })
  })

  for (const heading of headings) {
    const blocks = codeBlocks(page).filter((block) => block.heading === heading)
    const commands = blocks.find(({ language }) => language === 'sh')?.text
    if (commands === undefined) continue
    test(heading, async () => {
      if (heading === 'serve') {
        assert.equal(commands, 'postern serve > gateway.log &\n')
        const address = /^publicUrl: (\S+)$/m.exec(here('publicUrl: http://localhost:8080'))?.[1] ?? ''
        const main = [join(root, 'src/cli/main.ts'), 'serve', '--config', join(folder, 'postern.yaml')]
        running = await start(folder, main, address)
        return
      }
      const printed = await shell(folder, `PATH="$PWD/bin:$PATH"\n${here(commands)}`)
      const shown = blocks.find(({ language }) => language === 'text')?.text
      if (shown !== undefined) assertShown(printed, here(shown))
      if (heading === 'init') assert.ok(existsSync(join(folder, 'first.yaml')))
      if (heading === 'snippet') assert.match(printed, /auth_request/)
    })
  }

  test('afterwards the person is signed out, as the page says', async () => {
    const config = here('http://localhost:8080')
    const until = Date.now() + 20_000
    const { readFileSync } = await import('node:fs')
    const credential = readFileSync(join(folder, 'credential.txt'), 'utf8').trim().slice('Authorization: '.length)
    const status = async () => (await send(`${config}/x`, 'GET', { authorization: credential })).status
    while ((await status()) !== 401) {
      assert.ok(Date.now() < until, 'it never came about')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })
})

/** Every line in its order; `…` is anything, alone on a line any lines. White space between columns is not compared. */
function assertShown(printed: string, shown: string): void {
  const parts = shown.trimEnd().split('\n').map(plain)
  const pattern = parts.map((line) => (line === '…' ? '(?:.*\n)*?' : `${line.split('…').map(escaped).join('.*')}\n`))
  const text = printed.split('\n').map(plain).join('\n')
  assert.match(text, new RegExp(`^${pattern.join('')}`, 'm'), `${printed}\n--- is not ---\n${shown}`)
}

function plain(line: string): string {
  return line.trim().replaceAll(/\s+/g, ' ')
}

function escaped(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&')
}
