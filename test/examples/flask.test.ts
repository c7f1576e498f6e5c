import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { postern, temporaryFolder } from '../cli/session.ts'
import { codeBlocks, readText, root } from '../docs/markdown.ts'
import { missingProgram, shell, start, type Running } from '../docs/program.ts'
import { bearerToken, BrowserClient, sameOriginFetch, send } from '../support/browser-client.ts'
import { freePort } from '../support/gateway.ts'
import { missingPython, python } from './languages.ts'

/*
 * The Flask apps of docs/flask.md, started by the lines that stand there, behind a real gateway. Only the ports are
 * others, and the packages are those of the Python that is named.
 */

const page = readText('docs/flask.md')
const signInPage = '/_auth/login'

interface Site {
  readonly gateway: string
  readonly app: string
  readonly folder: string
  /** With the ports of this run. */
  here(text: string): string
  stop(): Promise<void>
}

/** Starts the programs of a block of the page, in its order. */
async function startSite(way: 'headers' | 'assertion', heading: string): Promise<Site> {
  const folder = temporaryFolder()
  cpSync(join(root, 'examples'), folder, { recursive: true })
  const flask = join(folder, 'flask')
  const ports = { 8080: await freePort(), 9080: await freePort(), 5050: await freePort(), 5000: await freePort() }
  const here = (text: string) =>
    Object.entries(ports).reduce((changed, [usual, port]) => changed.replaceAll(usual, String(port)), text)
  const configuration = join(flask, way, 'postern.yaml')
  writeFileSync(configuration, here(readFileSync(configuration, 'utf8')))
  const env = { POSTERN_ISSUER: here('http://localhost:8080'), PYTHONDONTWRITEBYTECODE: '1' }
  const running: Running[] = []
  const site: Site = {
    gateway: here('http://localhost:8080'),
    app: here('http://127.0.0.1:5000'),
    folder: flask,
    here,
    async stop() {
      for (const program of running.toReversed()) await program.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  try {
    const block = codeBlocks(page).find((one) => one.language === 'sh' && one.heading === heading)
    assert.ok(block, heading)
    for (const line of here(block.text).trim().split('\n')) {
      const [, path, program = '', rest = ''] = /^(?:PYTHONPATH=(\S+) )?(\S+) (.*)$/.exec(line) ?? []
      const args = rest.split(' ')
      if (program === 'postern' && args[0] === 'serve') {
        const main = join(root, 'src/cli/main.ts')
        running.push(await start(flask, [main, ...args], `${site.gateway}/_auth/login`))
      } else if (program === 'postern') {
        assert.equal((await postern(flask, args)).code, 0, line)
      } else {
        assert.equal(program, '.venv/bin/flask')
        const port = args.at(-1) ?? ''
        const more = path === undefined ? env : { ...env, PYTHONPATH: path }
        running.push(
          await start(flask, ['-m', 'flask', ...args], `http://127.0.0.1:${port}/about`, more, {
            program: python,
            quiet: true,
          }),
        )
      }
    }
    // An app that was there before the gateway has asked for its keys in vain, and pauses for a second.
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    return site
  } catch (error) {
    await site.stop()
    throw error
  }
}

function suite(way: 'headers' | 'assertion', heading: string, further: (site: () => Site) => void): void {
  describe(`Flask told by ${way}`, { skip: missingPython }, () => {
    let site: Site
    before(async () => {
      site = await startSite(way, heading)
    })
    after(() => site.stop())

    test('nobody is sent to sign in, and may read what is public', async () => {
      const browser = new BrowserClient(site.gateway)
      const { status, headers } = await browser.send('/')
      assert.deepEqual([status, headers['location']], [303, signInPage])
      assert.equal((await browser.send('/', 'GET', sameOriginFetch)).status, 401)
      assert.equal((await browser.send('/about')).text, 'Anybody may read this.')
    })

    test('a wrong password is refused', async () => {
      const browser = new BrowserClient(site.gateway)
      assert.equal((await browser.signIn('john', 'wrong')).status, 401)
      assert.equal((await browser.send('/')).status, 303)
    })

    for (const [username, hello] of [
      ['john', 'Hello John Doe, you are accounts|1.'],
      ['zoe', 'Hello Zoë Ångström, you are accounts|2.'],
    ] as const) {
      test(`${username} signs in, sees the name, signs out, and is nobody again`, async () => {
        const browser = new BrowserClient(site.gateway)
        assert.equal((await browser.signIn(username)).status, 303)
        const { status, text } = await browser.send('/')
        assert.equal(status, 200, text)
        assert.ok(text.includes(hello), text)
        assert.equal((await browser.signOut()).status, 303)
        const { status: then, headers } = await browser.send('/')
        assert.deepEqual([then, headers['location']], [303, signInPage])
      })
    }

    test('what a client says of itself does not reach the app', async () => {
      const spoofed = {
        'x-forwarded-user': 'accounts|2',
        'X-Forwarded_User': 'accounts|2',
        x_forwarded_name: 'Zoe',
        'x-forwarded-name': 'Zoe',
      }
      assert.equal((await send(`${site.gateway}/`, 'GET', { ...spoofed, ...sameOriginFetch })).status, 401)
      const browser = new BrowserClient(site.gateway)
      await browser.signIn()
      const { text } = await browser.send('/', 'GET', { ...spoofed, accept: '*/*' })
      assert.ok(text.includes('Hello John Doe, you are accounts|1.'), text)
    })

    further(() => site)
  })
}

suite('headers', 'Way one: Flask is told by headers', (site) => {
  test('who reaches it past the gateway is believed, as the page says', async () => {
    const said = { 'x-forwarded-user': 'accounts|2', 'x-forwarded-name': 'Mallory' }
    assert.ok((await send(`${site().app}/`, 'GET', said)).text.includes('Hello Mallory'))
  })

  describe('the lines to try it', { skip: missingProgram('curl') }, () => {
    test('answer what the page shows', async () => {
      const [asked, answered] = codeBlocks(page).filter(({ heading }) => heading === 'Try it')
      assert.ok(asked?.language === 'sh' && answered?.language === 'text')
      assert.equal((await shell(site().folder, site().here(asked.text))).replaceAll('\r', ''), answered.text)
    })
  })
})

suite('assertion', 'Way two: Flask verifies for itself', (site) => {
  const direct = (headers: Readonly<Record<string, string>>) => send(`${site().app}/`, 'GET', headers)

  test('who reaches it past the gateway is nobody, whatever is said', async () => {
    const plain = await direct({ 'x-forwarded-user': 'accounts|2', 'x-forwarded-name': 'Mallory' })
    assert.deepEqual([plain.status, plain.headers['www-authenticate']], [401, 'Bearer'])
    assert.equal(plain.headers['content-type'], 'application/problem+json')
    const access = await bearerToken(site().gateway)
    const browser = new BrowserClient(site().gateway)
    await browser.signIn()
    for (const token of ['x', access, browser.cookies.get('postern') ?? '']) {
      const { status, headers } = await direct({ authorization: `Bearer ${token}`, ...browser.cookieHeader() })
      assert.deepEqual([status, headers['www-authenticate']], [401, 'Bearer error="invalid_token"'])
    }
    assert.equal((await direct({ authorization: 'Basic am9objpwYXNzd29yZDEyMw==' })).status, 401)
    assert.equal((await send(`${site().app}/about`)).status, 200)
  })
})

test('docs/flask.md shows the files as they are run', () => {
  const shown = codeBlocks(page).filter(({ language }) => language === 'yaml' || language === 'python')
  assert.ok(shown.length >= 3)
  const files = ['headers/app.py', 'headers/postern.yaml', 'assertion/app.py', 'assertion/postern.yaml'].map((file) =>
    readText(`examples/flask/${file}`),
  )
  for (const { text } of shown)
    assert.ok(
      files.some((file) => file.includes(text)),
      text,
    )
})
