import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { WebSocketServer } from 'ws'
import { launchChromium, missingChromium } from '../support/chromium.ts'
import { minutes } from '../support/clock.ts'
import { startGateway } from '../support/gateway.ts'

/*
 * The attack: a person who is signed in here opens a page elsewhere, and that page has their browser do things here. One
 * page is of another site; the other of a sibling host, which gets SameSite=Lax cookies sent along with everything.
 */

const app = 'app.example.test'
const elsewhere = { 'another site': 'evil.test', 'a sibling host': 'evil.example.test' } as const
const hosts = [app, ...Object.values(elsewhere)]

interface Reached {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

/** Scripts for the hostile page, by what they try. Each says what it got, as text; the gateway's origin is `GATE`. */
const attempts: Readonly<Record<string, string>> = {
  'a form that posts to a guarded page': `form('GATE/protected')`,
  'a form that posts as text, with JSON in it': `form('GATE/_auth/login', 'text/plain', '{"username":"ada","password":"password123","response":"cookie","a":"', '"}')`,
  'a form that posts a file': `form('GATE/protected', 'multipart/form-data')`,
  'a form that signs out': `form('GATE/_auth/logout')`,
  'a form that renews': `form('GATE/_auth/renew')`,
  'a form that signs in as somebody else': `form('GATE/_auth/login', undefined, 'username', 'ada', 'password', 'password123')`,
  'a form that posts to a backend': `form('GATE/app/orders')`,
  'a request to read, with credentials': `read('GATE/protected')`,
  'a request to read who is signed in': `read('GATE/_auth/session')`,
  'a request to read from a backend': `read('GATE/app/orders')`,
  'a request to write, which may not read': `send('GATE/protected', { mode: 'no-cors', method: 'POST' })`,
  'a request to write to a backend': `send('GATE/app/orders', { mode: 'no-cors', method: 'POST', body: 'a=b' })`,
  'a request to write JSON': `send('GATE/app/orders', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })`,
  'a request to delete': `send('GATE/app/orders', { method: 'DELETE' })`,
  'a request with a header of ours': `send('GATE/app/orders', { headers: { 'x-forwarded-user': 'accounts|2' } })`,
  'a request to sign out': `send('GATE/_auth/logout', { mode: 'no-cors', method: 'POST' })`,
  'a request to sign in as somebody else': `send('GATE/_auth/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"username":"ada","password":"password123","response":"cookie"}' })`,
  'a request to sign in, its JSON called text': `send('GATE/_auth/login', { mode: 'no-cors', method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{"username":"ada","password":"password123","response":"cookie"}' })`,
  'a request that outlives its page': `send('GATE/_auth/logout', { mode: 'no-cors', method: 'POST', keepalive: true })`,
  'an image': `element('img', { src: 'GATE/_auth/logout' })`,
  'a script made of our answer': `element('script', { src: 'GATE/_auth/session' })`,
  'a style sheet made of our answer': `element('link', { rel: 'stylesheet', href: 'GATE/protected' })`,
  'a frame around the sign-out page': `framed('GATE/_auth/logout')`,
  'a frame around the sign-in page': `framed('GATE/_auth/login')`,
  'a WebSocket': `socket('WS/app/socket')`,
  'a stream of events': `events('GATE/app/orders')`,
}

const page = `<!doctype html><title>Elsewhere</title><body><script>
const form = async (action, enctype, ...pairs) => {
  const name = 'frame' + document.forms.length
  const frame = Object.assign(document.createElement('iframe'), { name })
  document.body.append(frame)
  const element = Object.assign(document.createElement('form'), { action, method: 'post', target: name })
  if (enctype) element.enctype = enctype
  for (let at = 0; at < pairs.length; at += 2) {
    element.append(Object.assign(document.createElement('input'), { name: pairs[at], value: pairs[at + 1] }))
  }
  document.body.append(element)
  const loaded = new Promise((resolve) => frame.addEventListener('load', resolve, { once: true }))
  element.submit()
  await loaded
  return 'sent'
}
const send = (address, init) =>
  fetch(address, { credentials: 'include', ...init }).then((answer) => answer.type === 'opaque' ? 'sent' : 'READ ' + answer.status, () => 'blocked')
const read = (address) =>
  fetch(address, { credentials: 'include' }).then(async (answer) => 'READ ' + (await answer.text()), () => 'blocked')
const element = (name, members) => new Promise((resolve) => {
  const one = Object.assign(document.createElement(name), members, { onload: () => resolve('loaded'), onerror: () => resolve('blocked') })
  document.body.append(one)
})
const framed = async (src) => {
  const frame = Object.assign(document.createElement('iframe'), { src })
  const loaded = new Promise((resolve) => frame.addEventListener('load', resolve, { once: true }))
  document.body.append(frame)
  await loaded
  try { return 'READ ' + frame.contentDocument.body.innerText } catch { return 'blocked' }
}
const socket = (address) => new Promise((resolve) => {
  const one = new WebSocket(address)
  one.onopen = () => resolve('READ')
  one.onerror = () => resolve('blocked')
})
const events = (address) => new Promise((resolve) => {
  const one = new EventSource(address, { withCredentials: true })
  one.onmessage = () => resolve('READ')
  one.onerror = () => { one.close(); resolve('blocked') }
})
</script>`

for (const told of [true, false]) {
  const how = told ? 'that says where a request comes from' : 'that names an Origin at most'
  describe(`in a Chromium ${how}`, async () => {
    const reached: Reached[] = []
    const backend = createServer((request, response) => {
      reached.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
      response.setHeader('content-type', 'text/html')
      response.end('<h1>secret of the person</h1>')
    })
    const sockets = new WebSocketServer({ server: backend })
    sockets.on('connection', () => reached.push({ method: 'SOCKET', url: '', headers: {} }))
    const hostile = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html')
      response.end(page)
    })
    const portOf = (server: typeof backend) => (server.address() as AddressInfo).port

    for (const server of [backend, hostile])
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const gateway = await startGateway({
      face: 'server',
      options: (origin) => ({
        publicUrl: origin.replace('localhost', app),
        insecure: { httpPublicUrl: true },
        routes: [{ path: '/app/', backend: `http://127.0.0.1:${portOf(backend)}` }],
      }),
    })
    const gate = gateway.origin.replace('localhost', app)
    const browser = await launchChromium({ hosts, trustworthy: told ? [gate] : [] })
    let asked = 0
    for (const event of ['request', 'upgrade'] as const) gateway.app.server.on(event, () => (asked += 1))
    after(async () => {
      await browser?.close()
      await gateway.close()
      for (const server of [backend, hostile]) {
        server.closeAllConnections()
        server.close()
      }
    })

    for (const [where, host] of Object.entries(elsewhere)) {
      describe(
        `on a page of ${where} nothing is done and nothing is read by`,
        { skip: missingChromium(browser) },
        () => {
          let context: BrowserContext
          let own: Page
          let trap: Page
          before(async () => {
            gateway.clock.advance(minutes(60))
            context = (await browser?.newContext()) ?? assert.fail()
            own = await context.newPage()
            await own.goto(`${gate}/app/start`)
            await own.getByLabel('User name').fill('john')
            await own.getByLabel('Password').fill('password123')
            await own.getByRole('button', { name: 'Sign in' }).click()
            await own.getByRole('heading', { name: 'secret of the person' }).waitFor()
            trap = await context.newPage()
            await trap.goto(`http://${host}:${portOf(hostile)}/`)
          })
          after(() => context.close())

          const cookies = async () =>
            (await context.cookies(gate)).map(({ name, value }) => `${name}=${value}`).toSorted()
          const run = async (tab: Page, script: string) =>
            String(await tab.evaluate(script.replaceAll('GATE', gate).replaceAll('WS', gate.replace('http', 'ws'))))

          async function assertNothingDone(script: string): Promise<void> {
            const before = {
              cookies: await cookies(),
              calls: { ...gateway.service.calls },
              events: gateway.events.length,
            }
            assert.equal(before.cookies.length, 2)
            reached.length = 0
            asked = 0
            assert.doesNotMatch(await run(trap, script), /READ|loaded/)
            assert.ok(asked > 0, 'it was asked for')
            // Whatever reached the backend is a plain reading that the page saw nothing of.
            const acted = reached.filter(({ method }) => method !== 'GET' && method !== 'HEAD')
            assert.deepEqual(acted, [])
            assert.deepEqual(await cookies(), before.cookies)
            assert.deepEqual({ ...gateway.service.calls }, before.calls)
            const since = gateway.events
              .slice(before.events)
              .filter((event) => event.type !== 'refused' && !(event.type === 'answered' && event.status >= 400))
            assert.deepEqual(since, [])
          }

          for (const [what, script] of Object.entries(attempts)) {
            test(`CS-01 CS-02 CS-05 CS-06 CS-07 ${what}`, () => assertNothingDone(script))
          }

          if (told) {
            test('RF-06 what would renew a session that is due', async () => {
              gateway.clock.advance(minutes(4))
              for (const script of [
                `element('img', { src: 'GATE/app/picture' })`,
                `send('GATE/app/orders', { mode: 'no-cors' })`,
                `read('GATE/app/orders')`,
                `form('GATE/_auth/renew')`,
                `socket('WS/app/socket')`,
              ])
                await assertNothingDone(script)
              const before = await cookies()
              assert.equal(await run(own, `fetch('/app/orders').then((answer) => answer.status)`), '200')
              assert.notDeepEqual(await cookies(), before)
            })
          }

          test('while the same of our own page is done', async () => {
            reached.length = 0
            const post = `fetch('/app/orders', { method: 'POST', body: 'a=b' }).then((answer) => answer.status)`
            assert.equal(await run(own, post), '200')
            const methods = reached.map(({ method }) => method)
            assert.deepEqual(methods, ['POST'])
            const open = `new Promise((say) => { const one = new WebSocket('WS/app/socket'); one.onopen = () => say('open'); one.onerror = () => say('no') })`
            assert.equal(await run(own, open), 'open')
            const status = (path: string) =>
              run(own, `fetch('${path}', { method: 'POST' }).then((answer) => answer.status)`)
            assert.equal(await status('/_auth/renew'), '204')
            assert.equal(await status('/_auth/logout'), '204')
          })
        },
      )
    }
  })
}
