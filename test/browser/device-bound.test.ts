import { after, describe, test, type TestContext } from 'node:test'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyReply } from 'fastify'
import type { BrowserContext, CDPSession, Page } from 'playwright-core'
import { html, render, type Html } from '../../src/http/pages/html.ts'
import { visitChromium } from '../support/chromium.ts'
import { fakeClock } from '../support/clock.ts'
import { cookie } from '../support/device.ts'
import { startGateway, type Gateway, type GatewaySettings } from '../support/gateway.ts'
import { eventually } from '../support/settled.ts'
import { makeCertificate, startTlsFront, type TlsFront } from '../support/tls-front.ts'

/* Chromium with keys in software, over TLS: what a browser really does with what the gateway says. */

const host = 'gw.example.com'
const sibling = 'beside.example.com'
const foreign = 'elsewhere.example.net'
const certificate = makeCertificate([host, sibling, foreign])

interface Seen {
  readonly method: string
  readonly path: string
  readonly status: number
}

interface Site {
  readonly origin: string
  readonly gateway: Gateway
  readonly front: TlsFront
  readonly context: BrowserContext
  readonly page: Page
  /** What Chromium says of its bound sessions, such as `created`, `refreshed`, `challenged`, `ended ServerRequested`. */
  readonly said: string[]
  /** Requests that reached the gateway, in order. */
  readonly seen: Seen[]
  /** The browser is closed and opened again, with the same profile. */
  restart(): Promise<Page>
}

interface Scene {
  readonly mode?: 'prefer' | 'require'
  readonly options?: GatewaySettings['options']
  readonly gateway?: Partial<GatewaySettings>
}

function pages(seen: Seen[]): NonNullable<GatewaySettings['routes']> {
  return (app, postern) => {
    app.addHook('onResponse', (request, reply, done) => {
      if (request.url !== '/favicon.ico')
        seen.push({ method: request.method, path: request.url, status: reply.statusCode })
      done()
    })
    const send = (reply: FastifyReply, page: Html) => reply.type('text/html; charset=utf-8').send(render(page))
    app.get('/page', { preHandler: postern.requireAuth() }, (request, reply) =>
      send(
        reply,
        html`<h1>Page of ${postern.auth(request).claims.name}</h1>
<form method="post" action="/_auth/logout"><button>Sign out</button></form>`,
      ),
    )
  }
}

interface CreationEvent {
  readonly succeeded: boolean
  readonly creationEventDetails?: { readonly fetchResult: string }
  readonly refreshEventDetails?: { readonly refreshResult: string }
  readonly challengeEventDetails?: { readonly challengeResult: string }
  readonly terminationEventDetails?: { readonly deletionReason: string }
}

function wordOf(event: CreationEvent): string {
  const { creationEventDetails: made, refreshEventDetails: refreshed, challengeEventDetails: challenged } = event
  if (made !== undefined) return made.fetchResult === 'Success' ? 'created' : `created ${made.fetchResult}`
  if (refreshed !== undefined)
    return refreshed.refreshResult === 'Refreshed' ? 'refreshed' : `refreshed ${refreshed.refreshResult}`
  if (challenged !== undefined) return `challenged ${challenged.challengeResult}`
  return `ended ${event.terminationEventDetails?.deletionReason ?? ''}`
}

async function hear(context: BrowserContext, page: Page, said: string[]): Promise<CDPSession> {
  const session = await context.newCDPSession(page)
  // Of an experimental part of the protocol, which Playwright's types do not have.
  const raw = session as unknown as {
    on(name: string, listener: (event: never) => void): void
    send(name: string, parameters?: object): Promise<unknown>
  }
  raw.on('Network.deviceBoundSessionEventOccurred', (event: CreationEvent) => void said.push(wordOf(event)))
  await raw.send('Network.enable')
  await raw.send('Network.enableDeviceBoundSessions', { enable: true })
  return session
}

const folder = mkdtempSync(join(tmpdir(), 'postern-device-browser-'))
const missing =
  certificate === undefined
    ? 'no openssl on this machine'
    : await (await visitChromium(join(folder, 'probe')).catch(() => undefined))?.close().then(() => false as const)
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
let profiles = 0

async function open(t: TestContext, { mode = 'prefer', options, gateway: more }: Scene = {}): Promise<Site> {
  assert.ok(certificate)
  const front = await startTlsFront(certificate)
  const origin = `https://${host}:${front.port}`
  const seen: Seen[] = []
  const gateway = await startGateway({
    publicUrl: origin,
    // The browser has the real time, and so have its cookies.
    clock: fakeClock(Math.floor(Date.now() / 1000) * 1000),
    routes: pages(seen),
    ...more,
    options: (at, service) => ({ ...options?.(at, service), session: { deviceBound: mode } }),
  })
  front.leadTo(Number(new URL(gateway.origin).port))
  const said: string[] = []
  const profile = join(folder, `profile-${profiles++}`)
  const launch = async () => {
    const context = await visitChromium(profile, { hosts: [host, sibling, foreign], spki: certificate.spki })
    assert.ok(context)
    const page = context.pages()[0] ?? (await context.newPage())
    await hear(context, page, said)
    return { context, page }
  }
  let running = await launch()
  t.after(async () => {
    await running.context.close()
    await front.close()
    await gateway.close()
  })
  return {
    origin,
    gateway,
    front,
    said,
    seen,
    get context() {
      return running.context
    },
    get page() {
      return running.page
    },
    async restart() {
      await running.context.close()
      running = await launch()
      return running.page
    },
  }
}

async function heading({ page }: Site, name: string): Promise<void> {
  await page.getByRole('heading', { name, exact: true }).waitFor()
}

async function signIn(site: Site, username = 'john'): Promise<void> {
  const { page } = site
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill('password123')
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Signed in as John, on a page, and bound. */
async function bound(t: TestContext, scene: Scene = {}): Promise<Site> {
  const site = await open(t, scene)
  await site.page.goto(`${site.origin}/page`)
  await signIn(site)
  await heading(site, 'Page of John Doe')
  await eventually(() => site.said.includes('created'), 'the session is bound')
  return site
}

async function names({ context }: Site): Promise<readonly string[]> {
  return (await context.cookies()).map(({ name }) => name).toSorted()
}

/** As if its time had come. */
async function endCookie({ context }: Site): Promise<void> {
  await context.clearCookies({ name: cookie.session })
}

const refreshes = ({ seen }: Site) =>
  seen.filter(({ path }) => path === '/_auth/device/refresh').map(({ status }) => status)

describe('in Chromium with keys in software', { skip: missing ?? 'no Chromium on this machine' }, () => {
  test('it registers after the sign-in; a request whose cookie is gone waits for the signature and sees nothing of it', async (t) => {
    const site = await bound(t)
    assert.deepEqual(await names(site), [cookie.session, cookie.out, cookie.sealed, cookie.device].toSorted())
    for (const statuses of [[403, 200], [200]]) {
      await endCookie(site)
      site.seen.length = 0
      const answer = await site.page.goto(`${site.origin}/page`)
      assert.equal(answer?.status(), 200)
      assert.equal(answer?.request().redirectedFrom(), null)
      // The challenge that came with the first one spares the second the question.
      assert.deepEqual(refreshes(site), statuses)
      assert.deepEqual(
        site.seen.filter(({ path }) => path === '/page'),
        [{ method: 'GET', path: '/page', status: 200 }],
      )
    }
    assert.deepEqual(
      site.said.filter((word) => word === 'refreshed'),
      ['refreshed', 'refreshed'],
    )
  })

  test('fetches side by side share one refresh, and a page’s script sees neither key nor cookie', async (t) => {
    const site = await bound(t)
    await endCookie(site)
    site.seen.length = 0
    const statuses = await site.page.evaluate(() =>
      Promise.all(Array.from({ length: 8 }, async () => (await fetch('/protected')).status)),
    )
    assert.deepEqual(
      statuses,
      Array.from({ length: 8 }, () => 200),
    )
    assert.deepEqual(refreshes(site), [403, 200])
    assert.equal(await site.page.evaluate('document.cookie'), '')
    assert.equal(
      await site.page.evaluate(async () => (await fetch('/_auth/device/refresh', { method: 'POST' })).status),
      400,
    )
  })

  test('after a restart of the browser it still signs', async (t) => {
    const site = await bound(t)
    await site.restart()
    await endCookie(site)
    await site.page.goto(`${site.origin}/page`)
    await heading(site, 'Page of John Doe')
    assert.deepEqual(refreshes(site), [403, 200])
  })

  test('replica A to B: bound at the one, it is refreshed at the other', async (t) => {
    const site = await bound(t)
    const { keys, clock, service } = site.gateway
    const seen: Seen[] = []
    const other = await startGateway({
      publicUrl: site.origin,
      keys,
      clock,
      service,
      routes: pages(seen),
      options: () => ({ session: { deviceBound: 'prefer' } }),
    })
    t.after(() => other.close())
    site.front.leadTo(Number(new URL(other.origin).port))
    await endCookie(site)
    await site.page.goto(`${site.origin}/page`)
    await heading(site, 'Page of John Doe')
    assert.deepEqual(refreshes({ ...site, seen }), [403, 200])
  })

  test('all cookies stolen, used in another browser: good for their short life, and then the sign-in page', async (t) => {
    const site = await bound(t)
    const stolen = await site.context.cookies()
    const thief = await open(t, { gateway: { keys: site.gateway.keys } })
    // Another browser, at the same gateway.
    thief.front.leadTo(Number(new URL(site.gateway.origin).port))
    const address = `https://${host}:${thief.front.port}`
    await thief.context.addCookies(stolen)
    await thief.page.goto(`${address}/page`)
    await heading(thief, 'Page of John Doe')
    site.gateway.clock.advance(300_000)
    await thief.page.goto(`${address}/page`)
    await heading(thief, 'Sign in')
    await endCookie(site)
    await site.page.goto(`${site.origin}/page`)
    await heading(site, 'Page of John Doe')
  })

  test('eight links from another site, the cookie gone each time: a page in between, no loop, no quota', async (t) => {
    const site = await bound(t)
    const elsewhere = `https://${foreign}:${site.front.port}/`
    await site.context.route(elsewhere, (route) =>
      route.fulfill({ contentType: 'text/html', body: `<a href="${site.origin}/page">in</a>` }),
    )
    for (let times = 0; times < 8; times += 1) {
      await site.page.goto(elsewhere)
      await endCookie(site)
      site.seen.length = 0
      await site.page.click('a')
      await heading(site, 'Page of John Doe')
      assert.equal(site.page.url(), `${site.origin}/page`)
      assert.deepEqual(
        site.seen.filter(({ method }) => method === 'GET').map(({ path, status }) => `${status} ${path}`),
        ['303 /page', '200 /_auth/login?return_to=%2Fpage', '303 /_auth/login?return_to=%2Fpage', '200 /page'],
      )
    }
    assert.ok(
      site.said.every((word) => !word.startsWith('ended')),
      site.said.join(),
    )
    assert.equal(site.said.filter((word) => word === 'refreshed').length, 8)
  })

  test('somebody else signs in over it, the cookie goes, and it is still them', async (t) => {
    const site = await bound(t)
    await site.context.clearCookies({ name: cookie.session })
    await site.context.clearCookies({ name: cookie.sealed })
    // Not by signing out: that would end the first session anyway.
    const status = await site.page.evaluate(async () => {
      const body = JSON.stringify({ username: 'ada', password: 'password123', response: 'cookie' })
      const headers = { 'content-type': 'application/json' }
      return (await fetch('/_auth/login', { method: 'POST', headers, body })).status
    })
    assert.equal(status, 200)
    await eventually(() => site.said.filter((word) => word === 'created').length === 2, 'it is bound as well')
    await endCookie(site)
    await site.page.goto(`${site.origin}/page`)
    await heading(site, 'Page of Ada Lovelace')
  })

  test('signing out ends it: the next request asks once, is told so, and nothing asks again', async (t) => {
    const site = await bound(t)
    await site.page.getByRole('button', { name: 'Sign out' }).click()
    await heading(site, 'You are signed out')
    assert.deepEqual(await names(site), [cookie.out])
    await site.page.goto(`${site.origin}/page`)
    await heading(site, 'Sign in')
    site.seen.length = 0
    await site.page.goto(`${site.origin}/page`)
    await heading(site, 'Sign in')
    assert.deepEqual(refreshes(site), [])
    assert.equal(site.gateway.service.calls.logout, 1)
  })

  test('a service that is down ends nothing: the page says so and asks for no password, and after that all is as before', async (t) => {
    const site = await bound(t)
    site.gateway.service.mode = 'down'
    site.gateway.clock.advance(300_000)
    await endCookie(site)
    const shown = await site.page.goto(`${site.origin}/page`)
    assert.equal(refreshes(site).at(-1), 503)
    assert.equal(shown?.status(), 503)
    assert.equal(await shown.headerValue('retry-after'), '10')
    site.gateway.service.mode = 'well'
    site.gateway.clock.advance(11_000)
    await site.page.goto(`${site.origin}/page`)
    await heading(site, 'Page of John Doe')
    assert.ok(
      site.said.every((word) => !word.startsWith('ended')),
      site.said.join(),
    )
  })

  test('a gateway beside it under the same domain binds sessions of its own: neither ends the other’s', async (t) => {
    const site = await bound(t)
    assert.ok(certificate)
    const front = await startTlsFront(certificate)
    const address = `https://${sibling}:${front.port}`
    const seen: Seen[] = []
    const beside = await startGateway({
      publicUrl: address,
      clock: site.gateway.clock,
      routes: pages(seen),
      options: () => ({ session: { deviceBound: 'prefer' } }),
    })
    t.after(async () => {
      await front.close()
      await beside.close()
    })
    front.leadTo(Number(new URL(beside.origin).port))
    await site.page.goto(`${address}/page`)
    await signIn(site, 'ada')
    await heading(site, 'Page of Ada Lovelace')
    await eventually(() => site.said.filter((word) => word === 'created').length === 2, 'both are bound')
    await endCookie(site)
    await site.page.goto(`${site.origin}/page`)
    await heading(site, 'Page of John Doe')
    await site.page.goto(`${address}/page`)
    await heading(site, 'Page of Ada Lovelace')
    assert.ok(
      site.said.every((word) => !word.startsWith('ended')),
      site.said.join(),
    )
  })

  test('with require who is bound goes on', async (t) => {
    const site = await bound(t, { mode: 'require' })
    site.gateway.clock.advance(360_000)
    await endCookie(site)
    await site.page.goto(`${site.origin}/page`)
    await heading(site, 'Page of John Doe')
  })
})
