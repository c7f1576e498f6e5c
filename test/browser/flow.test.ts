import { after, describe, test, type TestContext } from 'node:test'
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import type { BrowserContext, Page } from 'playwright-core'
import type { Options } from '../../src/config/options.ts'
import { html, render, type Html } from '../../src/http/pages/html.ts'
import type { Postern } from '../../src/plugin.ts'
import { launchChromium, missingChromium } from '../support/chromium.ts'
import { hours, minutes } from '../support/clock.ts'
import { startGateway, type Gateway, type GatewaySettings, type TestClaims } from '../support/gateway.ts'

interface Visit {
  readonly gateway: Gateway
  readonly context: BrowserContext
  readonly page: Page
}

/** A small app of HTML pages behind the guard. */
function sampleRoutes(app: FastifyInstance, postern: Postern<TestClaims>): void {
  const send = (reply: FastifyReply, page: Html) => reply.type('text/html; charset=utf-8').send(render(page))
  const guarded = { preHandler: postern.requireAuth() }
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  )
  app.get('/reports', guarded, (request, reply) =>
    send(
      reply,
      html`<h1>Reports of ${postern.auth(request).claims.name}</h1>
<a href="/reports?page=2">Next</a>
<form method="post" action="/_auth/logout"><button>Sign out</button></form>`,
    ),
  )
  app.get('/note', guarded, (_request, reply) =>
    send(
      reply,
      html`<h1>Note</h1>
<form method="post"><label>Text <textarea name="text"></textarea></label><button>Save</button></form>`,
    ),
  )
  app.post<{ Body: { text: string } }>('/note', guarded, (request, reply) =>
    send(reply, html`<h1>Saved</h1><pre>${request.body.text}</pre>`),
  )
  app.get('/open', (_request, reply) => send(reply, html`<h1>Open to all</h1>`))
}

const browser = await launchChromium({ backForwardCache: true })

/** A fresh gateway, and a fresh browser profile with one tab. */
async function visit(t: TestContext, settings: GatewaySettings = {}): Promise<Visit> {
  assert.ok(browser)
  const gateway = await startGateway({ routes: sampleRoutes, ...settings })
  const context = await browser.newContext()
  t.after(async () => {
    await context.close()
    await gateway.close()
  })
  return { gateway, context, page: await context.newPage() }
}

async function heading(page: Page, name: string): Promise<void> {
  await page.getByRole('heading', { name, exact: true }).waitFor()
}

async function signIn(page: Page, username = 'john', password = 'password123'): Promise<void> {
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** The usual beginning: signed in as John, on the page of reports. */
async function signedIn(t: TestContext, settings: GatewaySettings = {}): Promise<Visit> {
  const found = await visit(t, settings)
  await found.page.goto(`${found.gateway.origin}/reports`)
  await signIn(found.page)
  await heading(found.page, 'Reports of John Doe')
  return found
}

async function sessionCookie({ context }: Visit): Promise<string | undefined> {
  return (await context.cookies()).find(({ name }) => name === 'postern')?.value
}

/** Somebody else's page. On `127.0.0.1` it is another site; on `localhost` only another origin, and it gets Lax cookies. */
async function foreignPage(t: TestContext, host: 'localhost' | '127.0.0.1', body: Html): Promise<string> {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end(render(html`<!doctype html><body>${body}`)),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://${host}:${(server.address() as AddressInfo).port}/`
}

describe('in Chromium', { skip: missingChromium(browser) }, () => {
  after(() => browser?.close())

  test('LG-07 a wrong password is said; the name stays, the password does not; the right one opens the page', async (t) => {
    const { gateway, page } = await visit(t)
    await page.goto(`${gateway.origin}/reports`)
    const answered = page.waitForResponse((response) => response.request().method() === 'POST')
    await signIn(page, 'john', 'wrong')
    assert.equal((await answered).status(), 401)
    assert.equal(await page.getByRole('alert').innerText(), 'The name or the password is not right.')
    assert.equal(await page.title(), 'Sign-in failed')
    assert.equal(await page.getByLabel('User name').inputValue(), 'john')
    assert.equal(await page.getByLabel('Password').inputValue(), '')
    await page.locator('[name=password]:focus').waitFor()

    await page.keyboard.type('password123')
    await page.keyboard.press('Enter')
    await heading(page, 'Reports of John Doe')
    assert.equal(page.url(), `${gateway.origin}/reports`)
    await page.reload()
    await heading(page, 'Reports of John Doe')
    assert.deepEqual(gateway.service.calls, { login: 2, check: 0, logout: 0, refresh: 0, things: 0 })
  })

  test('CK-01 CK-03 the cookie is host-bound, HttpOnly, Secure and Lax, and nothing of it reaches a script', async (t) => {
    // Chromium takes `localhost` for trustworthy, so a public https address needs no certificate here.
    const { context, page } = await signedIn(t, {
      options: (origin) => ({ publicUrl: origin.replace('http:', 'https:') }),
    })
    const cookies = await context.cookies()
    const shapes = cookies.map(({ name, domain, path, httpOnly, secure, sameSite }) => ({
      name,
      domain,
      path,
      httpOnly,
      secure,
      sameSite,
    }))
    // A domain attribute would show as `.localhost`.
    const shape = { domain: 'localhost', path: '/', httpOnly: true, secure: true, sameSite: 'Lax' }
    assert.deepEqual(
      shapes.toSorted((one, other) => one.name.localeCompare(other.name)),
      [
        { name: '__Host-postern', ...shape },
        { name: '__Host-postern-out', ...shape },
      ],
    )
    const value = cookies.find(({ name }) => name === '__Host-postern')?.value ?? ''
    assert.equal(value.split('.').length, 3)
    assert.ok(!(await page.content()).includes(value.slice(-40)))
    assert.ok(!page.url().includes(value.slice(-40)))
    assert.equal(await page.evaluate('document.cookie'), '')
    assert.equal(await page.evaluate('localStorage.length + sessionStorage.length'), 0)
  })

  test('a second tab shares the session, and is not asked to sign in', async (t) => {
    const { gateway, context, page } = await signedIn(t)
    const second = await context.newPage()
    await second.goto(`${gateway.origin}/reports`)
    await heading(second, 'Reports of John Doe')
    await second.goto(`${gateway.origin}/_auth/login?return_to=%2Fnote`)
    await heading(second, 'Note')
    await page.reload()
    await heading(page, 'Reports of John Doe')
    assert.equal(gateway.service.calls.login, 1)
  })

  test('LO-01 CK-04 after signing out, "back" shows nothing of the page that was there', async (t) => {
    const found = await signedIn(t)
    const { gateway, page } = found
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    // This browser does show pages as they were left, where it may.
    await page.goto(`${gateway.origin}/open`)
    await page.goto(`${gateway.origin}/reports`)
    await page.goBack({ waitUntil: 'commit' })
    await heading(page, 'Open to all')
    assert.deepEqual(asked, ['/open', '/reports'])

    await page.goto(`${gateway.origin}/reports`)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await heading(page, 'You are signed out')
    assert.equal(await sessionCookie(found), undefined)
    assert.equal(gateway.service.calls.logout, 1)
    await page.goBack({ waitUntil: 'commit' })
    await heading(page, 'Sign in')
    assert.equal(page.url(), `${gateway.origin}/_auth/login?return_to=%2Freports`)
    assert.ok(!(await page.content()).includes('John Doe'))
  })

  test('an expired session is renewed by the next click: no sign-in, and the service is asked once for two tabs', async (t) => {
    const found = await signedIn(t)
    const { gateway, context, page } = found
    const second = await context.newPage()
    await second.goto(`${gateway.origin}/reports`)
    const before = await sessionCookie(found)
    gateway.clock.advance(minutes(6))
    const addresses: string[] = []
    context.on('request', (request) => addresses.push(new URL(request.url()).pathname))
    await Promise.all([page, second].map((tab) => tab.getByRole('link', { name: 'Next' }).click()))
    await Promise.all([page, second].map((tab) => tab.waitForURL(`${gateway.origin}/reports?page=2`)))
    await Promise.all([page, second].map((tab) => heading(tab, 'Reports of John Doe')))
    assert.deepEqual(new Set(addresses), new Set(['/reports']))
    assert.notEqual(await sessionCookie(found), before)
    assert.deepEqual(gateway.service.calls, { login: 1, check: 1, logout: 0, refresh: 0, things: 0 })
  })

  for (const [limit, session] of [
    ['absolute', { idleTimeout: '50m', absoluteTimeout: '1h' }],
    ['idle', { idleTimeout: '20m', absoluteTimeout: '8h' }],
  ] as const) {
    test(`past the ${limit} limit the next click leads to sign-in, and from there to where it was going`, async (t) => {
      const found = await signedIn(t, { options: () => ({ session }) })
      const { gateway, page } = found
      gateway.clock.advance(minutes(19))
      await page.reload()
      await heading(page, 'Reports of John Doe')
      gateway.clock.advance(minutes(limit === 'idle' ? 21 : 42))
      await page.getByRole('link', { name: 'Next' }).click()
      await heading(page, 'Sign in')
      assert.equal(await sessionCookie(found), undefined)
      assert.equal(gateway.service.calls.check, 1)
      await signIn(page)
      await page.waitForURL(`${gateway.origin}/reports?page=2`)
    })
  }

  test('RD-01 a deep link comes back with its query, byte for byte', async (t) => {
    const { gateway, page } = await visit(t)
    const deep = `${gateway.origin}/reports?year=2026&name=J%C3%BCrgen+%26%20Co&next=%2Fa%3Fb%3Dc&empty=`
    await page.goto(deep)
    await heading(page, 'Sign in')
    await signIn(page, 'john', 'wrong')
    await page.getByRole('alert').waitFor()
    await signIn(page)
    await heading(page, 'Reports of John Doe')
    assert.equal(page.url(), deep)
  })

  test('RD-01 a way back that leads elsewhere leads to the start page', async (t) => {
    const { gateway, page } = await visit(t)
    const elsewhere = await foreignPage(t, '127.0.0.1', html`<h1>Elsewhere</h1>`)
    await page.goto(`${gateway.origin}/_auth/login?return_to=${encodeURIComponent(elsewhere.replace('http:', ''))}`)
    await signIn(page)
    await page.waitForURL(`${gateway.origin}/`)
  })

  test('a form that meets a dead session keeps what was typed: sign in in a new tab, reload, and it arrives', async (t) => {
    const { gateway, context, page } = await signedIn(t)
    const typed = 'Two lines,\nan "ä" & a <tag>'
    await page.goto(`${gateway.origin}/note`)
    await page.getByLabel('Text').fill(typed)
    gateway.clock.advance(hours(9))
    const answered = page.waitForResponse((response) => response.request().method() === 'POST')
    await page.getByRole('button', { name: 'Save' }).click()
    assert.equal((await answered).status(), 401)
    await heading(page, 'Your session has ended')

    const opened = context.waitForEvent('page')
    await page.getByRole('link', { name: 'Sign in in a new tab' }).click()
    const beside = await opened
    await signIn(beside)
    await beside.waitForURL(`${gateway.origin}/`)

    await page.reload()
    await heading(page, 'Saved')
    assert.equal(await page.locator('pre').innerText(), typed)
  })

  test('CS-05 the logout page asks and changes nothing', async (t) => {
    const found = await signedIn(t)
    const { gateway, page } = found
    const before = await sessionCookie(found)
    await page.goto(`${gateway.origin}/_auth/logout`)
    await heading(page, 'Sign out?')
    await page.getByText('You are signed in as John Doe.').waitFor()
    assert.equal(await sessionCookie(found), before)
    assert.equal(gateway.service.calls.logout, 0)
    await page.goto(`${gateway.origin}/reports`)
    await heading(page, 'Reports of John Doe')
    await page.goto(`${gateway.origin}/_auth/logout`)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await heading(page, 'You are signed out')
    assert.equal(gateway.service.calls.logout, 1)
  })

  test('signed out in one tab, the other goes to sign-in at its next click', async (t) => {
    const { gateway, context, page } = await signedIn(t)
    const second = await context.newPage()
    await second.goto(`${gateway.origin}/reports`)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await heading(page, 'You are signed out')
    await second.getByRole('link', { name: 'Next' }).click()
    await heading(second, 'Sign in')
    assert.equal(second.url(), `${gateway.origin}/_auth/login?return_to=%2Freports%3Fpage%3D2`)
  })

  test('TM-10 signing in as somebody else in the second tab replaces the person in both', async (t) => {
    const found = await visit(t)
    const { gateway, context, page } = found
    const second = await context.newPage()
    await Promise.all([page, second].map((tab) => tab.goto(`${gateway.origin}/reports`)))
    await signIn(page)
    await heading(page, 'Reports of John Doe')
    const johns = await sessionCookie(found)
    await signIn(second, 'ada')
    await heading(second, 'Reports of Ada Lovelace')
    await page.reload()
    await heading(page, 'Reports of Ada Lovelace')

    // John's cookie is over, wherever else it was put.
    const elsewhere = await context.request.get(`${gateway.origin}/protected`, {
      headers: { cookie: `postern=${johns ?? ''}` },
      maxRedirects: 0,
    })
    assert.equal(elsewhere.status(), 401)
  })

  for (const host of ['127.0.0.1', 'localhost'] as const) {
    const sender = host === 'localhost' ? 'another origin of this host' : 'another site'

    test(`CS-01 CS-02 a form on ${sender} signs nobody in`, async (t) => {
      const { gateway, context, page } = await visit(t)
      const trap = html`<form method="post" action="${gateway.origin}/_auth/login">
<input type="hidden" name="username" value="ada"><input type="hidden" name="password" value="password123">
<button>Win a prize</button></form>`
      await page.goto(await foreignPage(t, host, trap))
      const answered = page.waitForResponse(`${gateway.origin}/_auth/login`)
      await page.getByRole('button').click()
      assert.equal((await answered).status(), 403)
      await heading(page, 'Sent from another site')
      assert.equal(gateway.service.calls.login, 0)
      assert.deepEqual(await context.cookies(), [])
    })

    test(`CS-01 LO-05 a form on ${sender} signs nobody out, and clears nothing`, async (t) => {
      const found = await signedIn(t)
      const { gateway, page } = found
      await page.evaluate('localStorage.setItem("draft", "kept")')
      const before = await sessionCookie(found)
      const trap = html`<form method="post" action="${gateway.origin}/_auth/logout"><button>Win a prize</button></form>`
      await page.goto(await foreignPage(t, host, trap))
      const answered = page.waitForResponse(`${gateway.origin}/_auth/logout`)
      await page.getByRole('button').click()
      assert.equal((await answered).status(), 403)
      await heading(page, 'Sent from another site')
      assert.equal(await sessionCookie(found), before)
      await page.goto(`${gateway.origin}/reports`)
      await heading(page, 'Reports of John Doe')
      assert.equal(await page.evaluate('localStorage.getItem("draft")'), 'kept')
      assert.equal(gateway.service.calls.logout, 0)
    })

    test(`CS-05 an image on ${sender} that points at logout changes nothing`, async (t) => {
      const found = await signedIn(t)
      const { gateway, page } = found
      const before = await sessionCookie(found)
      const trap = html`<img src="${gateway.origin}/_auth/logout" alt="">`
      const asked = page.waitForRequest(`${gateway.origin}/_auth/logout`)
      // Its load event waits for the image.
      await page.goto(await foreignPage(t, host, trap))
      assert.equal((await asked).method(), 'GET')
      assert.equal(await sessionCookie(found), before)
      await page.goto(`${gateway.origin}/reports`)
      await heading(page, 'Reports of John Doe')
      assert.equal(gateway.service.calls.logout, 0)
    })
  }

  test('a link on another site arrives signed in', async (t) => {
    const { gateway, page } = await signedIn(t)
    await page.goto(await foreignPage(t, '127.0.0.1', html`<a href="${gateway.origin}/reports?page=2">Read</a>`))
    await page.getByRole('link').click()
    await heading(page, 'Reports of John Doe')
    assert.equal(page.url(), `${gateway.origin}/reports?page=2`)
  })

  test('a second step is asked for on the page; a wrong code may be typed again', async (t) => {
    const origin = await startStepService(t)
    const { gateway, page } = await visit(t, { options: () => ({ upstreams: { bank: stepOptions(origin) } }) })
    await page.goto(`${gateway.origin}/reports?page=2`)
    await signIn(page, 'grace', 'compiler')
    await heading(page, 'One more step')
    assert.deepEqual(await page.getByLabel('User name').count(), 0)
    await page.locator('[autocomplete=one-time-code]:focus').waitFor()

    await page.keyboard.type('000000')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').waitFor()
    assert.doesNotMatch(await page.getByRole('alert').innerText(), /password/)
    assert.equal(await page.getByLabel('Code').inputValue(), '')
    await page.locator('[name=code]:focus').waitFor()

    await page.keyboard.type('246810')
    await page.keyboard.press('Enter')
    await heading(page, 'Reports of Grace Hopper')
    assert.equal(page.url(), `${gateway.origin}/reports?page=2`)
  })
})

/** A service that asks for a code before it hands out a token. */
async function startStepService(t: TestContext): Promise<string> {
  const app = Fastify({ forceCloseConnections: true })
  app.post<{ Body: { user: string; password: string } }>('/login', async (request, reply) => {
    const { user, password } = request.body
    return user === 'grace' && password === 'compiler' ? { ticket: 'ticket-1' } : reply.code(401).send()
  })
  app.post<{ Body: { ticket: string; code: string } }>('/code', async (request, reply) => {
    const { ticket, code } = request.body
    if (ticket !== 'ticket-1' || code !== '246810') return reply.code(401).send()
    return { token: 'token-of-grace', id: 7, name: 'Grace Hopper' }
  })
  t.after(() => app.close())
  return await app.listen({ host: '127.0.0.1', port: 0 })
}

function stepOptions(origin: string): Options['upstreams'][string] {
  return {
    kind: 'login',
    title: 'Example bank',
    origin,
    login: { request: { path: '/login', json: { user: '{username}', password: '{password}' } } },
    secondStep: {
      fields: [{ name: 'code', label: 'Code', autocomplete: 'one-time-code' }],
      carry: { ticket: { json: '/ticket' } },
      request: { path: '/code', json: { ticket: '{ticket}', code: '{code}' } },
      token: { json: '/token' },
      subject: { json: '/id' },
      claims: { name: { json: '/name' } },
    },
  }
}
