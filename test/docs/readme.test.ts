import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { bearerToken, BrowserClient, navigation, send } from '../support/browser-client.ts'
import { freePort } from '../support/gateway.ts'
import { startService } from '../support/service.ts'
import { postern } from '../cli/session.ts'
import { exampleFolder } from './example-folder.ts'
import { codeBlocks, named, readText, root, tableRows } from './markdown.ts'
import { missingProgram, shell, start } from './program.ts'

const readme = readText('README.md')
const manifest = JSON.parse(readText('package.json')) as {
  scripts: Record<string, string>
  dependencies: Record<string, string>
  peerDependencies: Record<string, string>
}
const main = join(root, 'src/cli/main.ts')

test('every dependency stands in the README, and nothing else does', () => {
  const listed = tableRows(readme, 'Dependencies').flatMap(([names]) => named(names ?? ''))
  assert.deepEqual(
    listed.toSorted(),
    Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).toSorted(),
  )
})

test('every command stands in the README, and nothing else does', async () => {
  const { stdout } = await postern(root, ['--help'])
  const known = [
    ...stdout.matchAll(/^ {2}([a-z][a-z-]*(?: (?:generate|rotate|list|prune|jwks|inspect))?(?: [A-Z]+)*) {2,}/gm),
  ].map((match) => `postern ${match[1] ?? ''}`)
  const listed = tableRows(readme, 'Commands').flatMap(([command]) => named(command ?? ''))
  assert.deepEqual(listed.toSorted(), known.toSorted())
})

test('the commands that run and test it are there', () => {
  const lines = codeBlocks(readme)
    .filter(({ language }) => language === 'sh')
    .map(({ text }) => text.trim())
  assert.ok(lines.includes('npm ci && npm start') && lines.includes('npm ci && npm test'))
  assert.ok(manifest.scripts['start'] !== undefined && manifest.scripts['test'] !== undefined)
})

test('the plugin example runs as it is written', async (t) => {
  const service = await startService()
  const folder = exampleFolder()
  t.after(async () => {
    await service.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const [app, options] = codeBlocks(readme)
    .filter(({ language }) => language === 'ts')
    .map(({ text }) => text)
  assert.ok(app !== undefined && options !== undefined)
  const here = (text: string) =>
    text.replaceAll('8080', String(port)).replaceAll('https://accounts.example.com', service.origin)
  writeFileSync(join(folder, 'app.ts'), here(app))
  writeFileSync(join(folder, 'postern-options.ts'), here(options))
  assert.equal((await postern(folder, ['keys', 'generate'])).code, 0)
  const running = await start(folder, ['app.ts'], `${origin}/protected`)
  try {
    assert.equal((await send(`${origin}/protected`)).status, 401)
    const john = { authorization: `Bearer ${await bearerToken(origin)}` }
    assert.equal((await send(`${origin}/protected`, 'GET', john)).text, 'John Doe')
    assert.deepEqual((await send(`${origin}/things`, 'GET', john)).json()['things'], [1, 2, 3])
    assert.equal((await send(`${origin}/admin`, 'GET', john)).status, 403)
    const ada = new BrowserClient(origin)
    assert.equal((await ada.send('/admin')).headers['location'], '/_auth/login?return_to=%2Fadmin')
    assert.equal((await ada.signIn('ada', 'password123', { return_to: '/admin' })).headers['location'], '/admin')
    assert.equal((await ada.send('/admin', 'GET', navigation)).text, 'for admins')
    await ada.signOut()
    assert.equal((await ada.send('/admin')).status, 303)
  } finally {
    await running.stop()
  }
})

describe('the curl lines of the documents, against the demo', { skip: missingProgram('curl') }, () => {
  const folder = exampleFolder()
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('run as they are written', async () => {
    const port = await freePort()
    const origin = `http://localhost:${port}`
    const running = await start(root, [main, 'demo'], origin, { PORT: String(port) })
    const run = (document: string, heading: string) => {
      const block = codeBlocks(readText(document)).find((one) => one.language === 'sh' && one.heading === heading)
      assert.ok(block, `${document}: ${heading}`)
      return shell(folder, block.text.replaceAll('localhost:8080', `localhost:${port}`))
    }
    try {
      const person = JSON.parse(await run('README.md', 'Use it from a program')) as { subject: string; name: string }
      assert.deepEqual([person.subject, person.name], ['accounts|1', 'john'])

      const signedIn = JSON.parse(await run('docs/endpoints.md', 'POST /_auth/login')) as Record<string, unknown>
      assert.deepEqual(Object.keys(signedIn), ['access_token', 'token_type', 'expires_in'])

      assert.match(await run('docs/endpoints.md', 'GET and POST /_auth/logout'), /^HTTP\/1\.1 204 /)

      const renewed = await run('docs/endpoints.md', 'POST /_auth/renew')
      assert.match(renewed, /HTTP\/1\.1 204 /)
      assert.match(renewed, /^set-cookie: postern=/m)
      // What the page shows of a session is what the demo answers.
      const shown = JSON.parse(
        codeBlocks(readText('docs/endpoints.md')).find(({ language }) => language === 'json')?.text ?? '',
      ) as object
      const answered = JSON.parse(
        renewed.slice(0, renewed.indexOf('\n') === -1 ? undefined : renewed.indexOf('}HTTP') + 1),
      ) as object
      assert.deepEqual(answered, shown)
      assert.match(readFileSync(join(folder, 'jar.txt'), 'utf8'), /\tpostern\t/)
    } finally {
      await running.stop()
    }
  })
})
