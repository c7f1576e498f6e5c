import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { postern } from '../cli/session.ts'
import { exampleFolder } from '../docs/example-folder.ts'
import { codeBlocks, readText, root } from '../docs/markdown.ts'
import { missingProgram, shell, start, type Running } from '../docs/program.ts'
import { BrowserClient, formPost, navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { launchChromium, missingChromium } from '../support/chromium.ts'
import { freePort } from '../support/gateway.ts'

/*
 * The examples, started by the lines that stand in their READMEs. Only the ports are others, and what the first lines build and install is
 * there already: `postern` is this very source.
 */

interface Site {
  readonly origin: string
  /** What is behind the gateway, where something is. */
  readonly backend: string
  /** Runs a block of the README. */
  run(heading: string): Promise<string>
  stop(): Promise<void>
}

/** Where each program answers once it is there. */
const addresses: Readonly<Record<string, string>> = {
  '../accounts.ts': 'http://127.0.0.1:5050/api/me',
  'server.ts': 'http://127.0.0.1:5000/',
  'app.ts': 'http://localhost:8080/',
  serve: 'http://localhost:8080/',
}

async function startExample(name: string): Promise<Site> {
  const folder = exampleFolder()
  const example = join(folder, name)
  const ports = { 8080: await freePort(), 9080: await freePort(), 5050: await freePort(), 5000: await freePort() }
  const here = (text: string) =>
    Object.entries(ports).reduce((changed, [usual, port]) => changed.replaceAll(usual, String(port)), text)
  for (const one of ['accounts.ts', name]) cpSync(join(root, 'examples', one), join(folder, one), { recursive: true })
  for (const file of [join(folder, 'accounts.ts'), ...filesIn(example)])
    writeFileSync(file, here(readFileSync(file, 'utf8')))
  const readme = readText(join('examples', name, 'README.md'))
  const running: Running[] = []
  const stop = async () => {
    for (const program of running.toReversed()) await program.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  const blocks = codeBlocks(readme).filter(({ language }) => language === 'sh')
  try {
    const [build, install, ...lines] = (blocks[0]?.text ?? '').trim().split('\n')
    // Postern is in no registry that `npm install` alone would find it in; and `../accounts.ts` is a file of the clone, which takes what was built.
    assert.deepEqual([build, install], ['(cd ../.. && npm ci && npm run build)', 'npm install --no-save ../..'])
    for (const line of lines) {
      const [program = '', ...words] = line.replace(/ &$/, '').split(' ')
      const args = words[0] === 'postern' ? words.slice(1) : words
      const address = here(addresses[args[0] ?? ''] ?? '')
      if (program === 'node') running.push(await start(example, args, address))
      else if (args[0] === 'serve')
        running.push(await start(example, [join(root, 'src/cli/main.ts'), ...args], address))
      else {
        assert.deepEqual([program, words[0]], ['npx', 'postern'], line)
        const { code, stderr } = await postern(example, args)
        assert.equal(code, 0, stderr)
      }
    }
  } catch (error) {
    await stop()
    throw error
  }
  return {
    origin: here('http://localhost:8080'),
    backend: here('http://127.0.0.1:5000'),
    run(heading) {
      const block = blocks.find((one) => one.heading === heading)
      assert.ok(block, heading)
      return shell(example, here(block.text))
    },
    stop,
  }
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
}

test('a server-rendered app: pages for everybody, for who is signed in and for admins, and a form', async (t) => {
  const { origin, stop } = await startExample('server-rendered')
  t.after(stop)
  const john = new BrowserClient(origin)
  assert.match((await john.send('/')).text, /Sign in/)
  assert.equal((await john.send('/orders')).headers['location'], '/_auth/login?return_to=%2Forders')
  assert.equal((await john.signIn('john', 'password123', { return_to: '/orders' })).headers['location'], '/orders')
  const body = new URLSearchParams({ what: '<b>a book</b>' }).toString()
  const post = (headers: Record<string, string>) => john.send('/orders', 'POST', { ...formPost, ...headers }, body)
  assert.equal((await post({ 'sec-fetch-site': 'cross-site' })).status, 403)
  assert.equal((await post({ origin })).headers['location'], '/orders')
  const orders = await john.send('/orders')
  assert.match(orders.text, /John Doe.*<li>&lt;b>a book&lt;\/b><\/li>/)
  assert.equal((await john.send('/admin')).status, 403)

  const ada = new BrowserClient(origin)
  await ada.signIn('ada')
  assert.match((await ada.send('/admin')).text, /<p>1<\/p>/)
  assert.doesNotMatch((await ada.send('/orders')).text, /a book/)
  await john.signOut()
  assert.equal((await john.send('/orders', 'GET', navigation)).status, 303)
})

describe('a single-page app behind the gateway', async () => {
  const chromium = await launchChromium()
  const site = await startExample('spa')
  after(async () => {
    await site.stop()
    await chromium?.close()
  })

  test('its files are for everybody, its API for who is signed in, by way of the gateway only', async () => {
    assert.match((await send(`${site.origin}/`, 'GET', navigation)).text, /app\.js/)
    const anonymous = await send(`${site.origin}/api/notes`, 'GET', sameOriginFetch)
    assert.deepEqual([anonymous.status, anonymous.json()['code']], [401, 'unauthenticated'])
    const john = new BrowserClient(site.origin)
    await john.signIn()
    assert.equal((await john.send('/api/notes', 'GET', sameOriginFetch)).text, '[]')
    const forged = { ...sameOriginFetch, authorization: 'Bearer x', 'x-forwarded-user': 'accounts|2' }
    for (const way of [site.origin, site.backend])
      assert.equal((await send(`${way}/api/notes`, 'GET', forged)).status, 401)
    assert.equal((await send(`${site.backend}/api/notes`, 'GET', { ...forged, ...john.cookieHeader() })).status, 401)
  })

  test(
    'in a browser: sign in, write, sign out elsewhere, and be told',
    { skip: missingChromium(chromium) },
    async () => {
      const context = await chromium?.newContext()
      const page = await context?.newPage()
      assert.ok(page && context)
      await page.goto(site.origin)
      await page.getByText('Nobody is signed in.').waitFor()
      await page.getByRole('link', { name: 'Sign in' }).click()
      await page.getByLabel('User name').fill('ada')
      await page.getByLabel('Password').fill('password123')
      await page.keyboard.press('Enter')
      await page.getByText('Hello Ada Lovelace.').waitFor()
      await page.getByLabel('Note').fill('<i>remember</i>')
      await page.getByRole('button', { name: 'Add' }).click()
      assert.equal(await page.locator('#notes li').textContent(), '<i>remember</i>')

      const other = await context.newPage()
      await other.goto(site.origin)
      await other.getByRole('button', { name: 'Sign out' }).click()
      await other.getByText('Nobody is signed in.').waitFor()
      await page.getByLabel('Note').fill('not lost')
      await page.getByRole('button', { name: 'Add' }).click()
      await page.getByText('Nobody is signed in.').waitFor()
      assert.equal(await page.locator('input[name=text]').inputValue(), 'not lost')
    },
  )
})

test(
  'an API without pages: the lines of its README run as they are written',
  { skip: missingProgram('curl') },
  async (t) => {
    const { run, origin, stop } = await startExample('api-only')
    t.after(stop)
    assert.deepEqual((await send(`${origin}/health`)).json(), { well: true })
    const nothing = await send(`${origin}/nothing`)
    assert.equal(nothing.status, 404)
    assert.match(String(nothing.headers['content-type']), /^application\/problem\+json/)
    assert.deepEqual(JSON.parse(await run('Sign in for a token')), {
      subject: 'accounts|1',
      name: 'John Doe',
      clientId: 'postern',
      scopes: [],
    })
    const report = JSON.parse(await run('Trade a token')) as Record<string, unknown>
    assert.deepEqual([report['things'], report['for']], [[1, 2, 3], 'ada'])
    const refused = JSON.parse(await run('Sign out')) as Record<string, unknown>
    assert.deepEqual([refused['status'], refused['code']], [401, 'expired'])
    const own = await send(
      `${origin}/_auth/login`,
      'POST',
      { 'content-type': 'application/json' },
      JSON.stringify({ username: 'john', password: 'password123' }),
    )
    const authorization = `Bearer ${String(own.json()['access_token'])}`
    assert.equal((await send(`${origin}/v1/report`, 'GET', { authorization })).status, 403)
  },
)
