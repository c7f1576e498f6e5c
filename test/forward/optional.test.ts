import assert from 'node:assert/strict'
import { after, beforeEach, before, describe, test } from 'node:test'
import { assertLogsAreClean, assertProblem, assertSentToSignIn, lastReason } from '../contract/refusal.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { bearerToken, BrowserClient, formPost, navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { hours, minutes } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { serviceOptions } from '../support/service.ts'
import { eventually } from '../support/settled.ts'
import { startSocketBackend, type SocketBackend } from '../support/socket-backend.ts'
import { openedSocket, openSocket } from '../support/socket-client.ts'

/* `access: optional`: whoever is signed in is named, everybody else goes on as nobody. */

const listed = 'https://listed.example.com'
const evil = 'https://evil.example'

let gateway: Gateway
let backend: Backend
let sockets: SocketBackend
before(async () => {
  backend = await startBackend()
  sockets = await startSocketBackend()
  gateway = await startGateway({
    face: 'server',
    options: (_origin, service) => ({
      upstreams: { accounts: { ...serviceOptions(service.origin), present: { headers: { 'X-Api-Key': 'of-ours' } } } },
      session: { maxSockets: 3 },
      identity: { headers: { 'X-Person': 'name' } },
      routes: [
        { path: '/', access: 'optional', backend: backend.origin },
        { path: '/token/', access: 'optional', credentials: 'upstream', backend: backend.origin },
        { path: '/shared/', access: 'optional', cors: [listed], backend: backend.origin },
        { path: '/live/', access: 'optional', cors: [listed], backend: sockets.origin },
      ],
    }),
  })
})
beforeEach(() => {
  backend.reset()
  sockets.handshakes.length = 0
  sockets.onSocket = () => undefined
  gateway.service.reset()
})
after(async () => {
  assertLogsAreClean(gateway)
  await gateway.close()
  await backend.close()
  await sockets.close()
})

async function signedIn(): Promise<BrowserClient> {
  const client = new BrowserClient(gateway.origin)
  assert.equal((await client.signIn()).status, 303)
  return client
}

function assertNobody(headers = backend.last().headers): void {
  for (const name of ['x-forwarded-user', 'x-forwarded-groups', 'x-person', 'authorization', 'cookie', 'x-api-key'])
    assert.equal(headers[name] ?? '', '', name)
}

/** What a client may try to pass for somebody with. */
const lies = {
  'X-Forwarded-User': 'root',
  X_Forwarded_User: 'root',
  'x-person': 'root',
  'x.person': 'root',
  'Remote-User': 'root',
  authorization: 'Basic cm9vdDpyb290',
}

describe('an optional route', () => {
  test('names whoever is signed in, by cookie and by token', async () => {
    const client = await signedIn()
    const bearer = { authorization: `Bearer ${await bearerToken(gateway.origin)}` }
    for (const headers of [client.cookieHeader(), bearer]) {
      assert.equal((await send(`${gateway.origin}/a`, 'GET', headers)).status, 200)
      assert.equal(backend.last().headers['x-forwarded-user'], 'accounts|1')
      assert.equal(backend.last().headers['x-person'], 'John Doe')
      assert.equal(backend.last().headers.cookie, undefined)
    }
  })

  test('lets everybody else come as nobody, whatever the client and the method', async () => {
    for (const headers of [navigation, sameOriginFetch, {}]) {
      assert.equal((await send(`${gateway.origin}/a`, 'GET', headers)).status, 200)
      assertNobody()
    }
    assert.equal((await send(`${gateway.origin}/a`, 'POST', { ...formPost, origin: evil }, 'a=1')).status, 200)
    assertNobody()
  })

  test('PX-01 takes from nobody what they say of themselves', async () => {
    await send(`${gateway.origin}/a`, 'GET', lies)
    assertNobody()
    assert.doesNotMatch(backend.last().rawHeaders.join('\n'), /root/)
    const client = await signedIn()
    const { authorization: _, ...others } = lies
    await client.send('/a', 'GET', others)
    assert.equal(backend.last().headers['x-forwarded-user'], 'accounts|1')
    assert.doesNotMatch(backend.last().rawHeaders.join('\n'), /root/)
  })

  test('PX-05 shows the token of the upstream, and takes the headers that show it from nobody', async () => {
    const client = await signedIn()
    await client.send('/token/a')
    assert.equal(backend.last().headers.authorization, `Bearer ${gateway.service.issued.at(-1)}`)
    assert.equal(backend.last().headers['x-api-key'], 'of-ours')
    await send(`${gateway.origin}/token/a`, 'GET', { authorization: 'Basic a', 'x-api-key': 'b', X_Api_Key: 'c' })
    assertNobody()
    assert.equal(backend.last().headers['x_api_key'], undefined)
  })

  test('TV-19 refuses a bad credential instead of taking it for nobody’s', async () => {
    assertSentToSignIn(
      gateway,
      await send(`${gateway.origin}/a`, 'GET', { ...navigation, cookie: 'postern=x' }),
      '/a',
      'malformed',
    )
    const bearer = { authorization: 'Bearer x' }
    assertProblem(gateway, await send(`${gateway.origin}/a`, 'GET', bearer), { code: 'invalid_credential' })
    const both = { ...(await signedIn()).cookieHeader(), ...bearer }
    assert.equal((await send(`${gateway.origin}/a`, 'GET', both)).status, 400)
    assert.deepEqual(backend.hits, [])
  })

  test('lets a session that is over come as nobody, and one that was signed out', async () => {
    const client = await signedIn()
    gateway.clock.advance(hours(24))
    const answer = await client.send('/a')
    assert.equal(answer.status, 200)
    assert.deepEqual(answer.setCookies, [])
    assertNobody()
    const other = await signedIn()
    const copy = other.cookieHeader()
    await other.signOut()
    assert.equal((await send(`${gateway.origin}/a`, 'GET', { ...sameOriginFetch, ...copy })).status, 200)
    assertNobody()
  })

  test('renews what is due, and waits with a session that has expired while the service is down', async () => {
    const client = await signedIn()
    gateway.clock.advance(minutes(6))
    const answer = await client.send('/a')
    assert.match(String(answer.setCookies), /^postern=eyJ/)
    assert.match(String(answer.headers['cache-control']), /no-store/)
    assert.equal(backend.last().headers['x-forwarded-user'], 'accounts|1')
    gateway.clock.advance(minutes(6))
    gateway.service.mode = 'down'
    const waiting = await client.send('/a', 'GET', sameOriginFetch)
    assert.equal(waiting.status, 503)
    assert.equal(waiting.headers['retry-after'], '10')
    assert.equal(backend.hits.length, 1)
  })

  test('CS-01 refuses a change from another site by cookie', async () => {
    const client = await signedIn()
    const answer = await client.send('/a', 'POST', { ...formPost, 'sec-fetch-site': 'cross-site', origin: evil }, 'a=1')
    assert.equal(answer.status, 403)
    assert.equal(lastReason(gateway), 'csrf')
    assert.deepEqual(backend.hits, [])
  })

  test('CS-06 answers preflights, and says itself who may read an answer', async () => {
    const preflight = { origin: listed, 'access-control-request-method': 'PUT' }
    assert.equal((await send(`${gateway.origin}/shared/a`, 'OPTIONS', preflight)).status, 204)
    assert.equal((await send(`${gateway.origin}/a`, 'OPTIONS', preflight)).status, 204)
    assert.deepEqual(backend.hits, [])
    backend.handle = (_asked, response) => void response.writeHead(200, { 'access-control-allow-origin': '*' }).end()
    const own = await send(`${gateway.origin}/a`, 'GET', { origin: evil })
    assert.equal(own.headers['access-control-allow-origin'], undefined)
    const shared = await send(`${gateway.origin}/shared/a`, 'GET', { origin: listed })
    assert.equal(shared.headers['access-control-allow-origin'], listed)
  })

  test('CK-04 keeps somebody’s answer from caches, and nobody’s from standing in for it', async () => {
    backend.handle = (_asked, response) =>
      void response.writeHead(200, { 'cache-control': 'public, max-age=60', vary: 'Accept-Encoding' }).end('x')
    const nobodys = await send(`${gateway.origin}/a`)
    assert.equal(nobodys.headers['cache-control'], 'public, max-age=60')
    assert.equal(String(nobodys.headers['vary']), 'Accept-Encoding,Cookie, Authorization')
    const client = await signedIn()
    const johns = await client.send('/a')
    assert.equal(johns.headers['cache-control'], 'private, max-age=60')
    assert.equal(String(johns.headers['vary']), 'Accept-Encoding,Cookie')
  })
})

describe('CS-07 PX-12 a WebSocket on an optional route', () => {
  const open = (headers: Record<string, string>) => openSocket(`${gateway.origin}/live/a`, { headers })
  const opened = (headers: Record<string, string>) => openedSocket(`${gateway.origin}/live/a`, { headers })

  test('is opened as nobody from anywhere, and nothing that the client says of itself goes with it', async () => {
    for (const headers of [{}, { origin: evil }, { 'x-person': 'root', X_Forwarded_User: 'root' }]) {
      const { socket } = await opened(headers)
      assertNobody(sockets.handshakes.at(-1)?.headers)
      assert.doesNotMatch(sockets.handshakes.at(-1)?.rawHeaders.join('\n') ?? '', /root/)
      socket.close()
    }
  })

  test('by cookie takes our own Origin, or one that the route lists', async () => {
    const client = await signedIn()
    for (const origin of [evil, undefined]) {
      const result = await open({ ...client.cookieHeader(), ...(origin === undefined ? {} : { origin }) })
      assert.equal(!result.open && result.status, 403)
      assert.equal(lastReason(gateway), 'csrf')
    }
    assert.equal(sockets.handshakes.length, 0)
    for (const origin of [gateway.origin, listed]) {
      const { socket } = await opened({ ...client.cookieHeader(), origin })
      assert.equal(sockets.handshakes.at(-1)?.headers['x-person'], 'John Doe')
      socket.close()
    }
  })

  test('is refused for a bad credential, and opened as nobody for a session that is over', async () => {
    const bad = await open({ cookie: 'postern=x', origin: gateway.origin })
    assert.equal(!bad.open && bad.status, 401)
    const client = await signedIn()
    gateway.clock.advance(hours(24))
    gateway.events.length = 0
    const { socket } = await opened({ ...client.cookieHeader(), origin: gateway.origin })
    assertNobody(sockets.handshakes.at(-1)?.headers)
    await eventually(() => gateway.events.some(({ type }) => type === 'answered'))
    const record = gateway.events.find(({ type }) => type === 'answered')
    assert.ok(record !== undefined && !('sub' in record), 'the record names nobody either')
    socket.close()
  })

  test('is bound to the session of whoever is named, and to none where nobody is', async () => {
    const client = await signedIn()
    const johns = await opened({ ...client.cookieHeader(), origin: gateway.origin })
    const nobodys = await opened({})
    await client.signOut()
    assert.equal((await johns.closed)[0], 4401)
    assert.equal(nobodys.socket.readyState, nobodys.socket.OPEN)
    nobodys.socket.close()
  })
})
