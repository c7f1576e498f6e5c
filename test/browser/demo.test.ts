import { after, describe, test, type TestContext } from 'node:test'
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { launchChromium, missingChromium } from '../support/chromium.ts'
import { freePort } from '../support/gateway.ts'
import { hearProcess } from '../support/sweep.ts'

interface Demo {
  readonly address: string
  /** Everything that it printed when it was ready. */
  readonly printed: string
  readonly keyFolder: string
  readonly process: ChildProcess
  /** Its exit code and signal, once nothing of it is left. */
  readonly closed: Promise<unknown[]>
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Why a test is skipped, or false. Where programs are required, a missing one is a failure instead. */
function missing(...programs: readonly string[]): string | false {
  const absent = programs.filter(
    (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined,
  )
  if (absent.length === 0) return false
  const reason = `not on this machine: ${absent.join(', ')}`
  if (process.env['POSTERN_REQUIRE_PROGRAMS'] === '1') throw new Error(`Required and ${reason}.`)
  return reason
}

/** Waits until it says that it is ready. In a process group of its own, as a terminal starts it. */
async function startDemo(t: TestContext, command: string, args: readonly string[]): Promise<Demo> {
  const port = await freePort()
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, PORT: String(port) },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  hearProcess(child, 'postern demo')
  const closed = once(child, 'close')
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) signalGroup(child, 'SIGINT')
    await closed
  })
  let printed = ''
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        printed += chunk
        if (printed.includes('Ctrl+C ends it.')) resolve()
      })
    }
    child.once('error', reject).once('close', () => reject(new Error(`The demo did not start.\n${printed}`)))
  })
  const keyFolder = /^ +Keys for this run +(\S+)/m.exec(printed)?.[1]
  assert.ok(keyFolder)
  assert.match(printed, new RegExp(`ready at +http://localhost:${port}\n`))
  return { address: `http://localhost:${port}`, printed, keyFolder, process: child, closed }
}

const npmStart = (t: TestContext): Promise<Demo> => startDemo(t, 'npm', ['start'])

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  assert.ok(pid)
  process.kill(-pid, signal)
}

async function bash(script: string): Promise<string> {
  const child = spawn('bash', { stdio: ['pipe', 'pipe', 'ignore'] })
  child.stdin.end(script)
  return await text(child.stdout)
}

/** What the three commands answer: told to sign in, then a token, then who that is. */
function assertConversation(output: string): void {
  assert.match(output, /^HTTP\/1\.1 401 /)
  assert.match(output, /^content-type: application\/problem\+json/m)
  assert.match(output, /"code":"unauthenticated"/)
  const last: unknown = JSON.parse(output.slice(output.lastIndexOf('{')))
  assert.ok(typeof last === 'object' && last !== null && 'name' in last && 'roles' in last)
  assert.deepEqual({ name: last.name, roles: last.roles }, { name: 'john', roles: ['user'] })
}

const withoutNpm = missing('npm')
const browser = withoutNpm === false ? await launchChromium() : undefined

describe('the demo', { skip: withoutNpm }, () => {
  after(() => browser?.close())

  test('a newcomer clicks through it', { skip: missingChromium(browser) }, async (t) => {
    const { address } = await npmStart(t)
    assert.ok(browser)
    const page = await browser.newPage()
    t.after(() => page.close())
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    const click = (name: string): Promise<void> => page.getByRole('link', { name, exact: true }).click()

    await page.goto(address)
    await heading(page, 'An app behind a gateway')
    await click('the protected page')
    await signIn(page, 'john')
    await heading(page, 'Protected')
    assert.equal(page.url(), `${address}/protected`)
    await page.getByText('Hello, john.').waitFor()

    await click('Admin')
    await heading(page, 'No access with this account')
    assert.equal((await page.reload())?.status(), 403)
    await click('Go to the start page')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await heading(page, 'You are signed out')
    await click('Go to the start page')

    // The admin page as the one who may not, then as the one who may, without looking for it again.
    await click('the admin page')
    await signIn(page, 'john')
    await heading(page, 'No access with this account')
    await click('Use another account')
    await heading(page, 'Sign out?')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await signIn(page, 'ada')
    await heading(page, 'Admin')
    assert.equal(page.url(), `${address}/admin`)
    assert.equal((await page.reload())?.status(), 200)
    await page.getByText('Welcome, ada.').waitFor()

    // Chromium says these two of every 403 and of every sign-out; a blocked style would be said too.
    assert.deepEqual(
      complaints.filter(
        (complaint) => !/^(?:Failed to load resource: .* 403 |Clear-Site-Data header )/.test(complaint),
      ),
      [],
    )
  })

  test('the commands that it prints work as printed', { skip: missing('bash', 'curl', 'sed') }, async (t) => {
    const { printed } = await npmStart(t)
    const commands = printed.split('\n').filter((line) => /^ {4}(?:curl|TOKEN=)/.test(line))
    assert.equal(commands.length, 3)
    assertConversation(await bash(commands.join('\n')))
  })

  test(
    'the commands on its home page work as shown',
    { skip: missing('bash', 'curl', 'sed') || missingChromium(browser) },
    async (t) => {
      const { address } = await npmStart(t)
      assert.ok(browser)
      const page = await browser.newPage()
      t.after(() => page.close())
      await page.goto(address)
      const commands = await page.locator('pre').allInnerTexts()
      assert.equal(commands.length, 3)
      assertConversation(await bash(commands.join('\n')))
    },
  )

  test('Ctrl+C ends it, and its keys are gone', async (t) => {
    const demo = await npmStart(t)
    await access(demo.keyFolder)
    signalGroup(demo.process, 'SIGINT')
    await demo.closed
    await assert.rejects(access(demo.keyFolder), { code: 'ENOENT' })
    await assert.rejects(fetch(demo.address))
  })

  test('SIGTERM ends it with exit code 0 while a client keeps its connection, and its keys are gone', async (t) => {
    const demo = await startDemo(t, process.execPath, ['src/cli/main.ts', 'demo'])
    assert.equal((await fetch(demo.address)).status, 200)
    demo.process.kill('SIGTERM')
    assert.deepEqual(await demo.closed, [0, null])
    await assert.rejects(access(demo.keyFolder), { code: 'ENOENT' })
  })
})

async function heading(page: Page, name: string): Promise<void> {
  await page.getByRole('heading', { name, exact: true }).waitFor()
}

async function signIn(page: Page, username: string): Promise<void> {
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill('password123')
  await page.getByRole('button', { name: 'Sign in' }).click()
}
