import assert from 'node:assert/strict'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, test, type TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { WebSocketServer } from 'ws'
import { launchChromium, missingChromium } from '../support/chromium.ts'
import { minutes, seconds } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'

/* A chat behind the gateway that knows nothing of it: messages go by WebSocket, who is there by server-sent events. */

const page = `<!doctype html><title>Chat</title>
<h1>Chat</h1>
<p id="who"></p><p id="state">…</p><ul id="log"></ul>
<form><input id="text"><button>Send</button></form>
<script>
  const line = (text) => { const li = document.createElement('li'); li.textContent = text; document.getElementById('log').append(li) }
  const socket = new WebSocket(location.origin.replace('http', 'ws') + '/chat/socket')
  socket.onopen = () => { document.getElementById('state').textContent = 'open' }
  socket.onmessage = (event) => line(event.data)
  socket.onclose = (event) => { document.getElementById('state').textContent = 'closed ' + event.code }
  const events = new EventSource('/chat/events')
  events.onmessage = (event) => { document.getElementById('who').textContent = event.data }
  document.forms[0].onsubmit = (event) => { event.preventDefault(); socket.send(document.getElementById('text').value); document.getElementById('text').value = '' }
</script>`

interface Chat {
  readonly origin: string
  /** Cookies and identities that came with sockets. */
  readonly seen: { readonly cookie: string | undefined; readonly user: string | undefined }[]
  announce(text: string): void
  close(): Promise<void>
}

async function startChat(): Promise<Chat> {
  const streams = new Set<ServerResponse>()
  const seen: Chat['seen'] = []
  const server: Server = createServer((request, response) => {
    if (request.url !== '/chat/events') {
      response.writeHead(200, { 'content-type': 'text/html' }).end(page)
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`data: ${String(request.headers['x-forwarded-user'])} is here\n\n`)
    streams.add(response)
    response.on('close', () => streams.delete(response))
  })
  const sockets = new WebSocketServer({ server, path: '/chat/socket' })
  sockets.on('connection', (socket, request) => {
    const user = request.headers['x-forwarded-user']
    seen.push({ cookie: request.headers.cookie, user: typeof user === 'string' ? user : undefined })
    socket.on('message', (message: Buffer) => {
      for (const client of sockets.clients) client.send(`${String(user)}: ${message.toString()}`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    announce(text) {
      for (const stream of streams) stream.write(`data: ${text}\n\n`)
    },
    async close() {
      for (const client of sockets.clients) client.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const browser = await launchChromium()

async function chatting(t: TestContext): Promise<{ gateway: Gateway; chat: Chat; page: Page }> {
  assert.ok(browser)
  const chat = await startChat()
  const gateway = await startGateway({
    face: 'server',
    options: () => ({ routes: [{ path: '/chat', backend: chat.origin }] }),
  })
  const context = await browser.newContext()
  t.after(async () => {
    await context.close()
    await chat.close()
    await gateway.close()
  })
  const tab = await context.newPage()
  await tab.goto(`${gateway.origin}/chat`)
  await tab.getByLabel('User name').fill('ada')
  await tab.getByLabel('Password').fill('password123')
  await tab.getByRole('button', { name: 'Sign in' }).click()
  await tab.getByText('open', { exact: true }).waitFor()
  return { gateway, chat, page: tab }
}

async function say(tab: Page, text: string): Promise<void> {
  await tab.locator('#text').fill(text)
  await tab.getByRole('button', { name: 'Send' }).click()
  await tab.getByText(`accounts|2: ${text}`, { exact: true }).waitFor()
}

describe('a chat behind the gateway, in Chromium', { skip: missingChromium(browser) }, () => {
  after(() => browser?.close())

  test('PX-12 its socket and its stream go on across a renewal, with the identity and without our cookies', async (t) => {
    const { gateway, chat, page: tab } = await chatting(t)
    await tab.getByText('accounts|2 is here').waitFor()
    await say(tab, 'hello')
    gateway.clock.advance(seconds(250))
    // A second tab renews the session of both.
    const other = await tab.context().newPage()
    await other.goto(`${gateway.origin}/chat`)
    await other.getByText('open', { exact: true }).waitFor()
    assert.ok(gateway.events.some(({ type }) => type === 'renewed'))
    gateway.clock.advance(minutes(4))
    await say(tab, 'still here')
    chat.announce('and so is the stream')
    await tab.getByText('and so is the stream').waitFor()
    assert.deepEqual(new Set(chat.seen.map(({ user }) => user)), new Set(['accounts|2']))
    assert.ok(chat.seen.every(({ cookie }) => cookie === undefined))
  })

  test('LO-03 signing out in another tab closes the socket with 4401 and ends the stream', async (t) => {
    const { gateway, page: tab } = await chatting(t)
    const other = await tab.context().newPage()
    await other.goto(`${gateway.origin}/_auth/logout`)
    await other.getByRole('button', { name: 'Sign out' }).click()
    await tab.getByText('closed 4401', { exact: true }).waitFor()
    await tab.waitForFunction('events.readyState === EventSource.CLOSED')
  })

  test('RF-01 the absolute end closes it, however busy it is', async (t) => {
    const { gateway, page: tab } = await chatting(t)
    await say(tab, 'busy')
    gateway.clock.advance(minutes(8 * 60))
    await tab.getByText('closed 4401', { exact: true }).waitFor()
  })

  test('RF-02 an account that is disabled at the upstream loses its socket at the next look', async (t) => {
    const { gateway, page: tab } = await chatting(t)
    const ada = gateway.service.users.get('ada')
    assert.ok(ada)
    ada.disabled = true
    gateway.clock.advance(minutes(5))
    await tab.getByText('closed 4401', { exact: true }).waitFor()
    assert.equal(gateway.service.calls.refresh, 0)
  })
})
