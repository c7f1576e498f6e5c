import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { BrowserClient, send } from '../support/browser-client.ts'
import { startBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'
import { eventually } from '../support/settled.ts'
import { converse } from '../wire/conversation.ts'
import { startBreaker, troubles } from './breaker.ts'

/* The connection to a backend breaks, or a client does; whoever comes next gets their own answer. */

async function scene(t: TestContext) {
  const backend = await startBackend()
  // Every answer says what it answers.
  backend.handle = (request, response) => {
    request.resume().on('end', () => response.end(`${request.method} ${request.url} ${'x'.repeat(2_000)}`))
  }
  const breaker = await startBreaker(backend.origin)
  const gateway = await startGateway({
    face: 'server',
    options: () => ({ routes: [{ path: '/', backend: breaker.origin, timeout: '400ms' }] }),
  })
  t.after(async () => {
    await gateway.close()
    await breaker.close()
    await backend.close()
  })
  const client = new BrowserClient(gateway.origin)
  await client.signIn()
  const cookie = String(client.cookieHeader()['cookie'])
  const right = async (path: string) => {
    const answer = await client.send(path)
    assert.equal(answer.status, 200)
    assert.ok(answer.text.startsWith(`GET ${path} `))
  }
  return { gateway, backend, breaker, client, cookie, right }
}

describe('a backend breaks', () => {
  for (const way of troubles) {
    test(way, async (t) => {
      const { gateway, breaker, client, right } = await scene(t)
      await right('/before')
      breaker.way = way
      for (const method of ['GET', 'POST']) {
        const headers = { origin: gateway.origin, ...(method === 'POST' ? { 'content-type': 'text/plain' } : {}) }
        const answer = await client
          .send('/during', method, headers, method === 'POST' ? 'body' : undefined)
          .catch(() => undefined)
        // Cut in the middle of its body, it is never taken for a whole one.
        if (way === 'cut the body') assert.equal(answer, undefined)
        else assert.match(String(answer?.status), /^50[24]$/)
      }
      // Without a session it still is nobody's.
      assert.equal((await send(`${gateway.origin}/during`)).status, 401)
      breaker.way = 'well'
      for (let count = 0; count < 20; count += 1) await right(`/after-${count}`)
    })
  }
})

describe('a client goes away', () => {
  const moments = {
    'in the middle of its body': 'POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n',
    'in the middle of its chunks': 'POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n',
    'before its answer': 'GET /a HTTP/1.1\r\nHost: localhost\r\n',
  }
  for (const [name, head] of Object.entries(moments)) {
    test(name, async (t) => {
      const { gateway, backend, cookie, right } = await scene(t)
      await right('/before')
      for (let count = 0; count < 10; count += 1) {
        const before = backend.hits.length
        const conversation = await converse(gateway)
        conversation.say(`${head}Origin: ${gateway.origin}\r\nCookie: ${cookie}\r\n\r\n`)
        if (head.startsWith('POST')) conversation.say('5\r\nhello\r\n')
        await eventually(() => backend.hits.length > before)
        conversation.socket.resetAndDestroy()
        await right(`/after-${count}`)
      }
    })
  }
})
