import { after, describe, test, type TestContext } from 'node:test'
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import type { Page } from 'playwright-core'
import { send } from '../support/browser-client.ts'
import { launchChromium, missingChromium } from '../support/chromium.ts'
import { minutes } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'

const browser = await launchChromium()

/** An API that says once that the session has expired, as one behind another gateway may. */
function flaky(app: FastifyInstance): void {
  let calls = 0
  app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.post('/flaky', (request, reply) => {
    calls += 1
    if (calls > 1) return { calls, body: request.body }
    return reply
      .code(401)
      .type('application/problem+json')
      .send(JSON.stringify({ code: 'expired', status: 401 }))
  })
  app.get('/page', (_request, reply) => reply.type('text/html').send('<!doctype html><title>page</title>'))
}

async function signedIn(
  t: TestContext,
  tabs: number,
): Promise<{ gateway: Gateway; pages: Page[]; renewals: string[] }> {
  assert.ok(browser)
  const gateway = await startGateway({ routes: flaky })
  const context = await browser.newContext()
  t.after(async () => {
    await context.close()
    await gateway.close()
  })
  const renewals: string[] = []
  context.on('request', (request) => {
    if (request.url().endsWith('/_auth/renew')) renewals.push(request.method())
  })
  const pages: Page[] = []
  for (let count = 0; count < tabs; count += 1) {
    const page = await context.newPage()
    await page.goto(`${gateway.origin}/_auth/login?return_to=/page`)
    if (count === 0) {
      await page.getByLabel('User name').fill('john')
      await page.getByLabel('Password').fill('password123')
      await page.getByRole('button', { name: 'Sign in' }).click()
    }
    await page.waitForURL('**/page')
    await page.evaluate(`import('/_auth/client.js').then((postern) => { globalThis.postern = postern })`)
    pages.push(page)
  }
  return { gateway, pages, renewals }
}

describe('the browser helper', { skip: missingChromium(browser) }, () => {
  after(() => browser?.close())

  test('two tabs that want a renewal at once make one request and one call to the upstream', async (t) => {
    const { gateway, pages, renewals } = await signedIn(t, 2)
    gateway.clock.advance(minutes(6))
    const results = await Promise.all(
      pages.map((page) => page.evaluate('Promise.all([postern.renew(), postern.renew()])')),
    )
    assert.deepEqual(results, [
      [true, true],
      [true, true],
    ])
    assert.deepEqual(renewals, ['POST'])
    assert.equal(gateway.service.calls.check, 1)
  })

  test('a request that is told "expired" is sent once more after a renewal, body and all', async (t) => {
    const { pages, renewals } = await signedIn(t, 1)
    const answer = await pages[0]?.evaluate(
      `postern.fetch('/flaky', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'typed' }).then((answer) => answer.json())`,
    )
    assert.deepEqual(answer, { calls: 2, body: 'typed' })
    assert.deepEqual(renewals, ['POST'])
  })

  test('a session that is over is not renewed, and the answer of the API is given as it is', async (t) => {
    const { gateway, pages } = await signedIn(t, 1)
    gateway.clock.advance(minutes(31))
    assert.equal(await pages[0]?.evaluate('postern.renew()'), false)
    assert.equal(await pages[0]?.evaluate(`postern.fetch('/protected').then((answer) => answer.status)`), 401)
    assert.equal(await pages[0]?.evaluate('postern.session()'), null)
  })

  test('asking who is signed in does not count as activity', async (t) => {
    const { gateway, pages } = await signedIn(t, 1)
    gateway.clock.advance(minutes(2))
    const session = await pages[0]?.evaluate('postern.session()')
    assert.deepEqual(session, {
      subject: 'accounts|1',
      upstream: 'accounts',
      claims: { name: 'John Doe', roles: ['user'] },
      expiresIn: 180,
      idleIn: 1680,
      absoluteIn: 28_680,
    })
    assert.equal(gateway.service.calls.check, 0)
  })
})

test('the helper is about a kilobyte on the wire, and kept by its ETag', async (t) => {
  const gateway = await startGateway()
  t.after(() => gateway.close())
  const answer = await send(`${gateway.origin}/_auth/client.js`)
  assert.match(String(answer.headers['content-type']), /^text\/javascript/)
  assert.ok(gzipSync(answer.text).length < 1024)
  const again = await send(`${gateway.origin}/_auth/client.js`, 'GET', {
    'if-none-match': String(answer.headers['etag']),
  })
  assert.equal(again.status, 304)
})
