import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startBackend, type Backend } from '../support/backend.ts'
import { bearerToken, BrowserClient } from '../support/browser-client.ts'
import { hours, minutes, seconds } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { eventually } from '../support/settled.ts'
import { converse, lines, type Conversation } from '../wire/conversation.ts'

let gateway: Gateway
let backend: Backend
before(async () => {
  backend = await startBackend()
  gateway = await startGateway({
    face: 'server',
    options: () => ({
      session: { absoluteTimeout: '8h', idleTimeout: '8h' },
      routes: [
        { path: '/public/', access: 'public', backend: backend.origin },
        { path: '/', backend: backend.origin },
      ],
    }),
  })
})
beforeEach(() => {
  backend.reset()
  gateway.service.reset()
})
after(async () => {
  await gateway.close()
  await backend.close()
})

interface Stream {
  readonly client: Conversation
  readonly response: ServerResponse
}

/** Opens an event stream and reads its first event. */
async function open(
  path: string,
  headers: Readonly<Record<string, string>>,
  type = 'text/event-stream',
): Promise<Stream> {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>()
  backend.handle = (_asked, response) => resolve(response)
  const client = await converse(gateway)
  client.say(
    lines(
      `GET ${path} HTTP/1.1`,
      'Host: localhost',
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ),
  )
  const response = await promise
  response.writeHead(200, { 'content-type': type })
  response.write('data: first\n\n')
  await client.until(/data: first/)
  return { client, response }
}

async function signedIn(): Promise<BrowserClient> {
  const client = new BrowserClient(gateway.origin)
  await client.signIn()
  return client
}

async function assertCut({ client, response }: Stream): Promise<void> {
  const heard = response.closed ? undefined : once(response, 'close')
  assert.doesNotMatch(await client.ended, /0\r\n\r\n$/, 'a cut is not an end')
  await heard
}

async function assertLives({ client, response }: Stream, word: string): Promise<void> {
  response.write(`data: ${word}\n\n`)
  await client.until(new RegExp(`data: ${word}\n\n`))
}

describe('an event stream', () => {
  test('passes each event as it comes, and its end', async () => {
    const stream = await open('/public/events', { 'last-event-id': '7' })
    assert.equal(backend.last().headers['last-event-id'], '7')
    await assertLives(stream, 'second')
    stream.response.end()
    await stream.client.until(/0\r\n\r\n$/)
    stream.client.close()
  })

  test('PX-12 ends with its session at sign-out, and nobody else’s with it', async () => {
    const client = await signedIn()
    const mine = await open('/events', client.cookieHeader())
    const theirs = await open('/events', (await signedIn()).cookieHeader())
    const everybody = await open('/public/events', client.cookieHeader())
    await client.signOut()
    await assertCut(mine)
    for (const stream of [theirs, everybody]) {
      await assertLives(stream, 'later')
      stream.client.close()
    }
  })

  test('PX-12 ends at the absolute end of its session, and not for being idle', async () => {
    const client = await signedIn()
    const stream = await open('/events', client.cookieHeader())
    gateway.clock.advance(hours(8) - seconds(1))
    await assertLives(stream, 'late')
    gateway.clock.advance(seconds(1))
    await assertCut(stream)
  })

  test('PX-12 ends when the upstream refuses, and stays while it is down', async () => {
    const client = await signedIn()
    const { calls } = gateway.service
    const stream = await open('/events', client.cookieHeader())
    gateway.service.mode = 'down'
    gateway.clock.advance(minutes(5))
    await eventually(() => calls.check === 1)
    await assertLives(stream, 'down')
    gateway.service.mode = 'well'
    gateway.service.tokens.clear()
    gateway.clock.advance(minutes(5))
    await assertCut(stream)
  })

  test('PX-12 of a Bearer ends at its exp', async () => {
    const stream = await open('/events', { authorization: `Bearer ${await bearerToken(gateway.origin)}` })
    gateway.clock.advance(minutes(10))
    await assertCut(stream)
  })

  test('PX-12 goes on after a renewal, and the upstream is asked with the newest token', async () => {
    gateway.service.refreshes = true
    const client = await signedIn()
    const stream = await open('/events', client.cookieHeader())
    backend.handle = (_asked, response) => void response.end('ok')
    gateway.clock.advance(minutes(4))
    assert.equal((await client.send('/page')).setCookies.length, 1)
    gateway.clock.advance(minutes(1))
    await eventually(() => gateway.service.calls.check >= 1)
    await assertLives(stream, 'still')
    await client.signOut()
    await assertCut(stream)
  })
})

describe('PX-12 any other answer', () => {
  test('is cut in the middle when its session ends', async () => {
    const client = await signedIn()
    const download = await open('/download', client.cookieHeader(), 'application/octet-stream')
    await client.signOut()
    await assertCut(download)
  })

  test('also where the session ended while the backend was still thinking', async () => {
    const client = await signedIn()
    const { promise, resolve } = Promise.withResolvers<ServerResponse>()
    const other = await open('/events', client.cookieHeader())
    backend.handle = (_asked, response) => resolve(response)
    const slow = await converse(gateway)
    slow.say(lines('GET /slow HTTP/1.1', 'Host: localhost', `Cookie: ${client.cookieHeader()['cookie']}`))
    const response = await promise
    await client.signOut()
    await assertCut(other)
    response.writeHead(200).write('late')
    await assertCut({ client: slow, response })
  })
})
