import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { startBackend, type Backend } from '../support/backend.ts'
import { BrowserClient } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { eventually } from '../support/settled.ts'
import { startSocketBackend, type SocketBackend } from '../support/socket-backend.ts'
import { openedSocket } from '../support/socket-client.ts'
import { converse, lines } from '../wire/conversation.ts'

let backend: Backend
let sockets: SocketBackend
before(async () => {
  backend = await startBackend()
  sockets = await startSocketBackend()
})
after(async () => {
  await backend.close()
  await sockets.close()
})

const start = (): Promise<Gateway> =>
  startGateway({
    face: 'server',
    options: () => ({
      session: { maxSockets: 1000 },
      routes: [
        { path: '/public/', access: 'public', backend: backend.origin },
        { path: '/public/sockets/', access: 'public', backend: sockets.origin },
        { path: '/sockets/', backend: sockets.origin },
        { path: '/', backend: backend.origin },
      ],
    }),
  })

describe('when the gateway closes', () => {
  test('sockets are told that it goes away, event streams are cut, downloads end by themselves, and then it is closed', async () => {
    const gateway = await start()
    const client = new BrowserClient(gateway.origin)
    await client.signIn()
    const headers = { ...client.cookieHeader(), origin: gateway.origin }
    const opened = [
      await openedSocket(`${gateway.origin}/sockets/a`, { headers }),
      await openedSocket(`${gateway.origin}/public/sockets/a`),
    ]
    const begun = async (path: string, type: string) => {
      const { promise, resolve } = Promise.withResolvers<(text?: string) => void>()
      backend.handle = (_asked, response) => {
        response.writeHead(200, { 'content-type': type }).write('begun')
        resolve((text) => void (text === undefined ? response.end() : response.write(text)))
      }
      const conversation = await converse(gateway)
      conversation.say(lines(`GET ${path} HTTP/1.1`, 'Host: localhost', `Cookie: ${client.cookieHeader()['cookie']}`))
      await conversation.until(/begun/)
      return { conversation, write: await promise }
    }
    const events = [await begun('/events', 'text/event-stream'), await begun('/public/events', 'text/event-stream')]
    const download = await begun('/download', 'text/plain')

    const closing = gateway.close()
    for (const { closed } of opened) assert.deepEqual(await closed, [1001, 'going away'])
    for (const { conversation } of events) assert.doesNotMatch(await conversation.ended, /0\r\n\r\n$/)
    download.write(' and ended')
    await download.conversation.until(/and ended/)
    download.write()
    assert.match(await download.conversation.ended, /0\r\n\r\n$/)
    await closing
    await eventually(() => sockets.sockets.size === 0)
  })

  test('a handshake that is under way is not left open', async () => {
    const gateway = await start()
    const { promise: asked, resolve } = Promise.withResolvers<() => void>()
    sockets.onHandshake = ({ socket }) =>
      resolve(() => void socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'))
    const client = await converse(gateway)
    client.say(
      lines(
        'GET /public/sockets/a HTTP/1.1',
        'Host: localhost',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version: 13',
      ),
    )
    const answer = await asked
    const closing = gateway.close()
    answer()
    assert.match(await client.ended, /^HTTP\/1\.1 503/)
    await closing
    sockets.onHandshake = undefined
  })
})

describe('PX-12 five hundred idle sockets', () => {
  test('stay open, and are all closed when their session ends', async () => {
    const gateway = await start()
    const client = new BrowserClient(gateway.origin)
    await client.signIn()
    const child = fork(new URL('../support/idle-sockets.ts', import.meta.url))
    const said = async () => (await once(child, 'message'))[0] as Record<string, number>
    const gone = once(child, 'exit')
    const opened = said()
    child.send({
      address: `${gateway.origin.replace('http', 'ws')}/sockets/a`,
      count: 500,
      headers: { ...client.cookieHeader(), origin: gateway.origin },
    })
    assert.deepEqual(await opened, { open: 500, refused: 0 })
    assert.equal(sockets.sockets.size, 500)
    const closed = said()
    await client.signOut()
    assert.deepEqual(await closed, { 4401: 500 })
    await eventually(() => sockets.sockets.size === 0)
    await gone
    await gateway.close()
  })
})
