import assert from 'node:assert/strict'
import { after, describe, test, type TestContext } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import type { OidcUpstreamOptions } from '../../src/config/oidc-options.ts'
import type { Options } from '../../src/config/options.ts'
import { html, render } from '../../src/http/pages/html.ts'
import { clockOfNow } from '../oidc/site.ts'
import { launchChromium, missingChromium } from '../support/chromium.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { startProvider, type TestProvider } from '../support/provider.ts'
import { serviceOptions } from '../support/service.ts'

interface Visit {
  readonly gateway: Gateway
  readonly provider: TestProvider
  readonly context: BrowserContext
}

const browser = await launchChromium()
after(() => browser?.close())

interface Scene {
  readonly upstream?: Partial<OidcUpstreamOptions>
  readonly options?: Partial<Options>
  /** Whether there is a sign-in form as well. Default: false. */
  readonly form?: boolean
}

/** A gateway and a provider that are two sites for a browser, and a fresh profile. */
async function visit(t: TestContext, { upstream = {}, options = {}, form = false }: Scene = {}): Promise<Visit> {
  assert.ok(browser)
  const provider = await startProvider({ host: '127.0.0.1' })
  const gateway = await startGateway({
    clock: clockOfNow(),
    options: (origin, service) => ({
      upstreams: {
        ...(form ? { accounts: serviceOptions(service.origin) } : {}),
        company: provider.describe(origin, 'company', upstream),
      },
      ...options,
    }),
    routes: (app, postern) => {
      app.get('/reports', { preHandler: postern.requireAuth() }, (request, reply) =>
        reply.type('text/html').send(render(html`<h1>Reports of ${postern.auth(request).claims.name}</h1>`)),
      )
    },
  })
  const context = await browser.newContext()
  t.after(async () => {
    await context.close()
    await gateway.close()
    await provider.close()
  })
  return { gateway, provider, context }
}

async function signInThere(page: Page, name = 'ada'): Promise<void> {
  await page.getByLabel('Name').fill(name)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true }).waitFor()

describe('a browser and a provider', { skip: missingChromium(browser) }, () => {
  test('a person signs in at the provider, lands where they were going, and signs out at both', async (t) => {
    const { gateway, provider, context } = await visit(t)
    const page = await context.newPage()
    await page.goto(`${gateway.origin}/reports?page=2`)
    assert.ok(page.url().startsWith(provider.issuer))
    await signInThere(page)
    await heading(page, 'Reports of ada of Company')
    assert.equal(page.url(), `${gateway.origin}/reports?page=2`)

    const refused: string[] = []
    page.on('console', (message) => void (message.type() === 'error' && refused.push(message.text())))
    await page.goto(`${gateway.origin}/_auth/logout`)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Yes' }).click()
    await heading(page, 'You are signed out')
    assert.equal(new URL(page.url()).origin, gateway.origin)
    assert.deepEqual(refused, [], 'no policy stood in the way')

    await page.goto(`${gateway.origin}/reports`)
    await heading(page, 'Sign in')
    await page.getByRole('link', { name: 'Company' }).click()
    await page.getByLabel('Name').waitFor()
  })

  test('who looks at who is signed in signs out at both from there', async (t) => {
    const { gateway, provider, context } = await visit(t)
    const page = await context.newPage()
    await page.goto(`${gateway.origin}/reports`)
    await signInThere(page)
    await heading(page, 'Reports of ada of Company')
    await page.goto(`${gateway.origin}/_auth/me`)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL((url) => url.origin === new URL(provider.issuer).origin)
    await page.getByRole('button', { name: 'Yes' }).click()
    await heading(page, 'You are signed out')
    assert.equal(new URL(page.url()).origin, gateway.origin)
  })

  test('five tabs begun at once in a fresh browser all finish', async (t) => {
    const { gateway, context } = await visit(t)
    const pages = await Promise.all([1, 2, 3, 4, 5].map(() => context.newPage()))
    await Promise.all(pages.map((page, tab) => page.goto(`${gateway.origin}/reports?tab=${tab}`)))
    for (const page of pages) await signInThere(page)
    await Promise.all(pages.map((page) => heading(page, 'Reports of ada of Company')))
    assert.deepEqual(
      pages.map((page) => page.url()),
      pages.map((_, tab) => `${gateway.origin}/reports?tab=${tab}`),
    )
    const cookies = (await context.cookies(gateway.origin)).map(({ name }) => name)
    assert.deepEqual(
      cookies.filter((name) => name.endsWith('-browser')),
      ['postern-browser'],
    )
  })

  test('five tabs at once of whoever is signed in at the provider already go by without a question', async (t) => {
    const { gateway, context } = await visit(t)
    const first = await context.newPage()
    await first.goto(`${gateway.origin}/reports`)
    await signInThere(first)
    await heading(first, 'Reports of ada of Company')
    const kept = (await context.cookies()).filter(({ domain }) => domain === '127.0.0.1')
    await context.clearCookies()
    await context.addCookies(kept)
    const pages = await Promise.all([1, 2, 3, 4, 5].map(() => context.newPage()))
    await Promise.all(pages.map((page, tab) => page.goto(`${gateway.origin}/reports?tab=${tab}`)))
    await Promise.all(pages.map((page) => heading(page, 'Reports of ada of Company')))
  })

  test('who says no there can try again', async (t) => {
    const { gateway, context } = await visit(t)
    const page = await context.newPage()
    await page.goto(`${gateway.origin}/reports`)
    await page.getByRole('button', { name: 'No' }).click()
    await heading(page, 'Not signed in')
    await page.getByRole('link', { name: 'Sign in' }).click()
    await page.getByLabel('Name').waitFor()
  })

  test('with a Strict cookie the way back goes on by itself, and not in a circle', async (t) => {
    const { gateway, context } = await visit(t, { options: { session: { cookie: { sameSite: 'strict' } } } })
    const page = await context.newPage()
    await page.goto(`${gateway.origin}/reports`)
    await signInThere(page)
    await heading(page, 'Reports of ada of Company')
  })

  test('a browser that keeps no cookies is told so, and not sent round in circles', async (t) => {
    const { gateway, context, provider } = await visit(t)
    await context.route(`${gateway.origin}/**`, async (route) => {
      const answer = await route.fetch({ maxRedirects: 0 })
      const { 'set-cookie': _, ...headers } = answer.headers()
      await route.fulfill({ response: answer, headers })
    })
    const page = await context.newPage()
    await page.goto(`${provider.issuer}/nowhere`)
    await page.goto(`${gateway.origin}/_auth/oidc/company/start`)
    await context.clearCookies({ domain: 'localhost' })
    await signInThere(page)
    await heading(page, 'Please start again')
  })

  test('a form and a provider stand on one page, to be seen and reached by keyboard', async (t) => {
    const { gateway, context } = await visit(t, { form: true })
    const page = await context.newPage()
    await page.goto(`${gateway.origin}/reports`)
    await heading(page, 'Sign in')
    await page.getByLabel('User name').waitFor()
    const link = page.getByRole('link', { name: 'Company' })
    await link.focus()
    await page.keyboard.press('Enter')
    await signInThere(page)
    await heading(page, 'Reports of ada of Company')
  })
})
