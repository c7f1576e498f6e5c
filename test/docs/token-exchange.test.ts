import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { freePort } from '../support/gateway.ts'
import { hearProcess } from '../support/sweep.ts'
import { exampleFolder } from './example-folder.ts'
import { codeBlocks, readText, root } from './markdown.ts'
import { missingProgram, shell } from './program.ts'

const page = readText('docs/token-exchange.md')

test('the curl lines trade a token at the demo as they are written', { skip: missingProgram('curl') }, async () => {
  const folder = exampleFolder()
  const port = await freePort()
  const demo = spawn(process.execPath, [join(root, 'src/cli/main.ts'), 'demo'], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  hearProcess(demo, 'postern demo')
  const ended = new Promise((resolve) => demo.on('exit', resolve))
  try {
    let service: string | undefined
    for await (const line of createInterface({ input: demo.stdout })) {
      service = /Sample login service +(\S+)/.exec(line)?.[1]
      if (service !== undefined) break
    }
    assert.ok(service)
    const lines = codeBlocks(page).find(({ language }) => language === 'sh')?.text ?? ''
    const person = await shell(folder, `SERVICE=${service}\n${lines.replaceAll('localhost:8080', `localhost:${port}`)}`)
    assert.deepEqual((JSON.parse(person) as { subject: string }).subject, 'accounts|1')
  } finally {
    demo.kill()
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
})
