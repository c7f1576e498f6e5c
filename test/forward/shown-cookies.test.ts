import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { showCookies } from '../../src/forward/cookies.ts'
import { BrowserClient, send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { serviceOptions } from '../support/service.ts'
import { startSocketBackend, type SocketBackend } from '../support/socket-backend.ts'
import { openedSocket } from '../support/socket-client.ts'
import { startBackend, type Backend } from '../support/backend.ts'

/* A token that is shown in a cookie stands beside the client's own cookies, not in their place. */

let gateway: Gateway
let backend: Backend
let sockets: SocketBackend
let client: BrowserClient
let token = ''
before(async () => {
  backend = await startBackend()
  sockets = await startSocketBackend()
  gateway = await startGateway({
    face: 'server',
    options: (_origin, service) => ({
      upstreams: { accounts: { ...serviceOptions(service.origin), present: { cookie: 'SID' } } },
      forwardAuth: ['caddy'],
      trustedProxies: ['127.0.0.1/32', '::1/128'],
      routes: [
        { path: '/', backend: backend.origin, credentials: 'upstream' },
        { path: '/nothing/', backend: backend.origin },
        {
          path: '/fixed/',
          backend: backend.origin,
          credentials: 'upstream',
          headers: { Cookie: 'tenant=acme; sid=x' },
        },
        { path: '/chat/', backend: sockets.origin, credentials: 'upstream' },
      ],
    }),
  })
  client = new BrowserClient(gateway.origin)
  assert.equal((await client.signIn()).status, 303)
  token = gateway.service.issued.at(-1) ?? ''
})
beforeEach(() => backend.reset())
after(async () => {
  await gateway.close()
  await backend.close()
  await sockets.close()
})

const session = () => client.cookieHeader()['cookie'] ?? ''

/** The Cookie lines that reached the backend. */
function cookieLines(): readonly string[] {
  const { rawHeaders } = backend.last()
  return rawHeaders.filter((_value, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'cookie')
}

describe('PX-05 CK-07 a token in a cookie', () => {
  test('stands in one line with the client’s own cookies, without ours', async () => {
    const cookie = `lang=en; ${session()}; csrf="a=b"`
    assert.equal((await send(`${gateway.origin}/a`, 'GET', { cookie })).status, 200)
    assert.deepEqual(cookieLines(), [`SID=${token}; lang=en; csrf="a=b"`])
    assert.equal((await send(`${gateway.origin}/a`, 'GET', { cookie: session() })).status, 200)
    assert.deepEqual(cookieLines(), [`SID=${token}`])
    assert.equal((await send(`${gateway.origin}/nothing/a`, 'GET', { cookie })).status, 200)
    assert.deepEqual(cookieLines(), ['lang=en; csrf="a=b"'])
  })

  test('is the only one of its name, whatever the client sends under it', async () => {
    for (const theirs of [
      'SID=theirs',
      'sid=theirs',
      ' SID = theirs',
      '=SID=theirs',
      'SID',
      'a=1; SID=theirs; SID=more',
    ]) {
      assert.equal(
        (await send(`${gateway.origin}/a`, 'GET', { cookie: `${theirs}; ${session()}; lang=en` })).status,
        200,
      )
      assert.deepEqual(cookieLines(), [`SID=${token}; ${theirs.startsWith('a=1') ? 'a=1; ' : ''}lang=en`], theirs)
    }
  })

  test('stands beside what the operator adds, which is in place of the client’s', async () => {
    const cookie = `lang=en; ${session()}`
    assert.equal((await send(`${gateway.origin}/fixed/a`, 'GET', { cookie })).status, 200)
    assert.deepEqual(cookieLines(), [`SID=${token}; tenant=acme`])
  })

  test('reaches the backend of a WebSocket in the same way', async () => {
    const { socket } = await openedSocket(`${gateway.origin}/chat/a`, {
      headers: { cookie: `lang=en; SID=theirs; ${session()}`, origin: gateway.origin },
    })
    assert.equal(sockets.handshakes.at(-1)?.headers.cookie, `SID=${token}; lang=en`)
    socket.terminate()
  })

  test('is what a front proxy is told to forward', async () => {
    const asked = {
      'x-forwarded-method': 'GET',
      'x-forwarded-uri': '/a',
      'x-forwarded-host': new URL(gateway.origin).host,
    }
    for (const [cookie, told] of [
      [`lang=en; SID=theirs; ${session()}`, `SID=${token}; lang=en`],
      [session(), `SID=${token}`],
    ] as const) {
      const answer = await send(`${gateway.origin}/_auth/verify/caddy`, 'GET', { ...asked, cookie })
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['cookie'], told)
    }
  })
})

test('a bundle of cookies keeps every name of its own, and the client the others', () => {
  for (const [shown, others, line] of [
    ['a=1; b=2', 'b=theirs; c=3; A=theirs', 'a=1; b=2; c=3'],
    ['a=1;b=2', '', 'a=1;b=2'],
    ['a=1; b=2', ' ;; c=3 ;', 'a=1; b=2; c=3'],
    ['a=1', 'c="; d=4', 'a=1; c="; d=4'],
    ['a=b=c', 'b=2; c=3', 'a=b=c; b=2; c=3'],
  ] as const)
    assert.equal(showCookies(shown, others), line)
})
