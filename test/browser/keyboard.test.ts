import { after, describe, test, type TestContext } from 'node:test'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { launchChromium, missingChromium } from '../support/chromium.ts'
import { serviceOptions } from '../support/service.ts'
import { startGateway, type Gateway, type GatewaySettings } from '../support/gateway.ts'

const browser = await launchChromium()

after(() => browser?.close())

async function visit(
  t: TestContext,
  settings: GatewaySettings,
  habits: BrowserContextOptions = {},
): Promise<{ readonly gateway: Gateway; readonly page: Page }> {
  assert.ok(browser)
  const gateway = await startGateway(settings)
  const context = await browser.newContext({ javaScriptEnabled: true, ...habits })
  t.after(async () => {
    await context.close()
    await gateway.close()
  })
  return { gateway, page: await context.newPage() }
}

/** What has the focus, by name; and whether one can see that it has. */
async function focused(page: Page): Promise<string> {
  return page.evaluate<string>(`(() => {
    const element = document.activeElement
    if (element === null || element === document.body) return 'nothing'
    const style = getComputedStyle(element)
    const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
    return (element.name || element.textContent.trim()) + (seen ? '' : ' (not seen)')
  })()`)
}

async function tabThrough(page: Page, count: number): Promise<readonly string[]> {
  const names = [await focused(page)]
  for (let step = 1; step < count; step += 1) {
    await page.keyboard.press('Tab')
    names.push(await focused(page))
  }
  return names
}

async function heading(page: Page, name: string): Promise<void> {
  await page.getByRole('heading', { name, exact: true }).waitFor()
}

const links = { forgotPassword: 'https://accounts.example.com/forgot', register: 'https://accounts.example.com/new' }
const linked: GatewaySettings = {
  options: (_, service) => ({ upstreams: { accounts: { ...serviceOptions(service.origin), links } } }),
}

describe('with a keyboard alone', { skip: missingChromium(browser) }, () => {
  test('sign in, be told of a slip, sign in, see who one is, and sign out', async (t) => {
    // No script runs at all: not even one that could help.
    const { gateway, page } = await visit(t, {}, { javaScriptEnabled: false })
    await page.goto(`${gateway.origin}/_auth/me`)
    await heading(page, 'Sign in')
    await page.locator('[name=username]:focus').waitFor()
    await page.keyboard.type('john')
    await page.keyboard.press('Tab')
    await page.keyboard.type('wrong')
    await page.keyboard.press('Enter')

    await page.getByRole('alert').waitFor()
    const field = page.locator('[name=password]:focus')
    await field.waitFor()
    assert.equal(await field.getAttribute('aria-describedby'), await page.getByRole('alert').getAttribute('id'))
    await page.keyboard.type('password123')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${gateway.origin}/`)

    await page.goto(`${gateway.origin}/_auth/me`)
    await heading(page, 'Your session')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await heading(page, 'You are signed out')
    await page.goto(`${gateway.origin}/_auth/me`)
    await heading(page, 'Sign in')
  })

  test('the focus goes through the form in the order in which it is read, and can be seen', async (t) => {
    const { gateway, page } = await visit(t, linked)
    await page.goto(`${gateway.origin}/_auth/login`)
    await page.locator('[name=username]:focus').waitFor()
    assert.deepEqual(await tabThrough(page, 5), [
      'username',
      'password',
      'Sign in',
      'Forgot password?',
      'Create an account',
    ])
  })

  test('with the colours of the system the focus and the edges are still there', async (t) => {
    const { gateway, page } = await visit(t, linked, { forcedColors: 'active' })
    await page.goto(`${gateway.origin}/_auth/login`)
    await page.locator('[name=username]:focus').waitFor()
    assert.deepEqual(await tabThrough(page, 3), ['username', 'password', 'Sign in'])
    const edges = await page.evaluate<readonly string[]>(
      `[...document.querySelectorAll('main, input:not([type=hidden]), .button')].map((e) => getComputedStyle(e).borderTopStyle)`,
    )
    assert.deepEqual([...new Set(edges)], ['solid'])
  })

  test('nothing moves for whoever wants that', async (t) => {
    const { gateway, page } = await visit(t, linked, { reducedMotion: 'reduce' })
    await page.goto(`${gateway.origin}/_auth/login`)
    const durations = await page.evaluate<readonly string[]>(
      `[...document.querySelectorAll('*')].map((e) => getComputedStyle(e).transitionDuration + getComputedStyle(e).animationDuration)`,
    )
    assert.deepEqual([...new Set(durations)], ['0s0s'])
  })

  test('at 200 % nothing is cut off, and nothing scrolls sideways', async (t) => {
    const { gateway, page } = await visit(t, linked, { viewport: { width: 640, height: 480 } })
    await page.goto(`${gateway.origin}/_auth/login`)
    // Text alone, as some people set it (WCAG 2.2, 1.4.4); 320 px is what 1280 px are at 400 % (1.4.10).
    for (const width of [640, 320]) {
      await page.setViewportSize({ width, height: 480 })
      await page.evaluate(`document.documentElement.style.fontSize = '200%'`)
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width)
    }
  })
})

describe('on paper', { skip: missingChromium(browser) }, () => {
  test('it is dark on white, whatever the screen is, and without what only a screen can use', async (t) => {
    const { gateway, page } = await visit(t, {}, { colorScheme: 'dark' })
    await page.emulateMedia({ media: 'print' })
    await page.goto(`${gateway.origin}/_auth/nothing`)
    const [ground, color, links] = await page.evaluate<readonly string[]>(
      `['body', 'h1', '.actions'].map((one) => document.querySelector(one)).map((e) => getComputedStyle(e)).map((style, index) => [style.backgroundColor, style.color, style.display][index])`,
    )
    assert.deepEqual([ground, color, links], ['rgba(0, 0, 0, 0)', 'rgb(29, 32, 33)', 'none'])
  })
})

describe('in the language of the browser', { skip: missingChromium(browser) }, () => {
  for (const [locale, language, title] of [
    ['de-CH', 'de', 'Anmelden'],
    ['es-MX', 'es', 'Iniciar sesión'],
    ['fr-FR', 'en', 'Sign in'],
  ] as const) {
    test(`${locale} is answered in ${language}`, async (t) => {
      const { gateway, page } = await visit(t, {}, { locale })
      const answer = await page.goto(`${gateway.origin}/_auth/login`)
      assert.equal(await page.title(), title)
      assert.equal(answer?.headers()['content-language'], language)
      assert.match(answer.headers()['vary'] ?? '', /\bAccept-Language\b/)
      assert.equal(answer.headers()['cache-control'], 'no-store')
      assert.equal(await page.locator('html').getAttribute('lang'), language)
    })
  }
})

describe('a logo', { skip: missingChromium(browser) }, () => {
  test('CS-08 runs no script of its own and loads nothing', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-logo-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'logo.svg')
    const hostile = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10" onload="top.document.title='run'">
      <script>top.document.title = 'run'; fetch('/leak')</script>
      <image href="http://localhost:9/leak.png" width="10" height="10"/><rect width="10" height="10" fill="red"/>
      <foreignObject width="10" height="10"><iframe xmlns="http://www.w3.org/1999/xhtml" src="/leak"></iframe></foreignObject></svg>`
    writeFileSync(file, hostile)
    const brand = { name: '<b>Nord</b>', logo: file, color: '#12284c' }
    const { gateway, page } = await visit(t, { options: () => ({ pages: { brand } }) })
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    await page.goto(`${gateway.origin}/_auth/login`, { waitUntil: 'networkidle' })
    assert.equal(await page.title(), 'Sign in - <b>Nord</b>')
    assert.deepEqual(
      asked.filter((url) => !url.startsWith('data:')),
      [`${gateway.origin}/_auth/login`],
    )
    const logo = page.getByRole('img', { name: '<b>Nord</b>' })
    assert.equal(await logo.count(), 1)
    const shown = `(({ naturalWidth, clientHeight }) => [naturalWidth > 0, clientHeight])(document.querySelector('.logo'))`
    assert.deepEqual(await page.evaluate(shown), [true, 56])
  })
})
