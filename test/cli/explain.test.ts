import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { explainRequest } from '../../src/cli/explain/explanation.ts'
import { clientsFor, socketClients } from '../../src/cli/explain/clients.ts'
import { notesOf } from '../../src/cli/explain/notes.ts'
import { readTarget } from '../../src/cli/explain/request.ts'
import { explainedReasons, reasonWords } from '../../src/cli/reason-words.ts'
import { parseOptions } from '../../src/config/load.ts'
import { loadKeyFolder } from '../../src/keys/folder.ts'
import { tableRows, named, readText } from '../docs/markdown.ts'
import { bearerToken, send } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { serviceOptions } from '../support/service.ts'
import { startSocketBackend, type SocketBackend } from '../support/socket-backend.ts'
import { startSite, type Site } from './site.ts'

test('a note tells what a browser would not have sent, and only that', () => {
  const notes = (address: string, lines: Parameters<typeof notesOf>[1] = [], publicUrl = 'https://app.example.com') => {
    const carrier = lines.some(({ name }) => name === 'authorization') ? 'bearer' : 'nothing'
    const upstreams = { accounts: serviceOptions('https://a.example') }
    return notesOf(readTarget('GET', address), lines, carrier, parseOptions({ publicUrl, upstreams })).length
  }
  const cookie = (value: string) => [{ name: 'cookie', value }]
  assert.equal(notes('/orders'), 0)
  assert.equal(notes('https://APP.example.com:8443/orders'), 0)
  assert.equal(notes('https://example.com/orders'), 1)
  assert.equal(notes('http://app.example.com/orders'), 1)
  assert.equal(notes('http://127.0.0.1/orders', cookie('Postern=a')), 3)
  assert.equal(notes('http://127.0.0.1/orders', [{ name: 'authorization', value: 'Bearer a' }]), 0)
  assert.equal(notes('/orders', cookie('my-postern=a; postern-upt=b; x=postern')), 0)
  const local = 'http://localhost:8080'
  assert.equal(notes('http://localhost/orders', [], local), 0)
  assert.equal(notes('/orders', cookie('__Host-postern=a'), local), 1)
})

type Pairs = readonly (readonly [string, string])[]

interface Explained {
  socket?: { open: boolean; origins: string | string[] }
  route: { index: number } | null
  next: { index: number }[]
  credential: { state: string; reason?: string; sub?: string }
  life?: { state: string; renewal: { due: boolean; asks?: string } }
  answers: {
    client: string
    status?: number
    reason?: string
    asNobody: boolean
    renewsFirst: boolean
    location?: string
  }[]
  backend?: { origin: string; path: string; headers: Record<string, string> }
  proxied?: Record<string, string>
}

async function explained(site: Site, args: readonly string[], input = ''): Promise<Explained> {
  const { code, stdout, stderr } = await site.run(['explain', ...args, '--json'], input)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Explained
}

test('the reasons are in the words of docs/errors.md', () => {
  const plain = (text = '') => text.replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1')
  const page = new Map(
    tableRows(readText('docs/errors.md'), 'Reasons').map(([reason, , when]) => [named(reason ?? '')[0], when]),
  )
  for (const reason of explainedReasons) assert.equal(reasonWords(reason), plain(page.get(reason)), reason)
})

describe('explain beside a gateway that runs', () => {
  let site: Site
  let backend: Backend

  before(async () => {
    backend = await startBackend()
    site = await startSite({
      options: () => ({
        routes: [
          { path: '/', backend: backend.origin },
          { path: '/public', access: 'public', backend: backend.origin },
          { path: '/staff', require: { roles: ['admin'] }, backend: backend.origin, credentials: 'assertion' },
          {
            path: '/own',
            backend: backend.origin,
            credentials: 'upstream',
            headers: { 'X-Team': 'blue' },
            stripPrefix: true,
          },
          { path: '/jump', onAnonymous: 'redirect', backend: backend.origin },
          { path: '/either', access: 'optional', backend: backend.origin },
          { path: '/api', onAnonymous: '401', cors: ['https://elsewhere.example'], backend: backend.origin },
        ],
      }),
    })
  })
  after(async () => {
    await site.close()
    await backend.close()
  })

  test('it says of every client, route and credential what the gateway then does', async () => {
    const config = parseOptions(site.options)
    const keys = await loadKeyFolder(config.keys.dir)
    const john = (await site.cookieLine()).trim().slice('Cookie: '.length)
    const ada = (await site.cookieLine('ada')).trim().slice('Cookie: '.length)
    const bearer = await bearerToken(site.gateway.origin)
    const credentials = [
      [],
      [{ name: 'cookie', value: john }],
      [{ name: 'cookie', value: ada }],
      [{ name: 'cookie', value: `${john}x` }],
      [{ name: 'authorization', value: `Bearer ${bearer}` }],
      [{ name: 'authorization', value: 'Bearer nothing' }],
      [{ name: 'authorization', value: 'Basic am9objp4' }],
      [
        { name: 'cookie', value: john },
        { name: 'authorization', value: `Bearer ${bearer}` },
      ],
    ]
    let compared = 0
    for (const path of ['/anything', '/public/a', '/either', '/staff', '/own/x', '/jump', '/api/x', '/a%2fb', '/a;b'])
      for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS'])
        for (const credential of credentials) {
          const target = { method, scheme: undefined, opensSocket: false, host: undefined, target: path }
          const { answers } = await explainRequest(target, credential, {
            config,
            keys,
            revocations: undefined,
            asked: { by: 'proxy' },
          })
          for (const client of clientsFor(method, config.publicUrl)) {
            const headers = Object.fromEntries([
              ...client.headers,
              ...credential.map(({ name, value }) => [name, value]),
            ])
            const real = await send(`${site.gateway.origin}${path}`, method, headers)
            const said = answers.find((answer) => answer.client === client.name)
            const what = `${client.name}: ${method} ${path} with ${credential.map(({ name }) => name).join()}`
            assert.equal(said?.status ?? 200, real.status, what)
            assert.equal(said?.location, real.headers['location'], what)
            compared += 1
          }
        }
    assert.ok(compared > 500, String(compared))
  })

  test('it names the route, the next ones, and what the backend is told, secrets masked', async () => {
    const ada = await site.cookieLine('ada')
    const staff = await explained(site, ['GET', '/staff/list?x=1'], ada)
    assert.equal(staff.route?.index, 2)
    assert.deepEqual(
      staff.next.map(({ index }) => index),
      [0],
    )
    assert.equal(staff.credential.sub, 'accounts|2')
    assert.equal(staff.backend?.origin, backend.origin)
    assert.equal(staff.backend?.path, '/staff/list?x=1')
    assert.equal(staff.backend?.headers['x-forwarded-user'], 'accounts|2')
    assert.equal(staff.backend?.headers['authorization'], `Bearer (masked: an assertion for ${backend.origin})`)
    const own = await explained(site, ['GET', '/own/x'], ada)
    assert.equal(own.backend?.path, '/x')
    assert.equal(own.backend?.headers['x-team'], 'blue')
    assert.equal(own.backend?.headers['authorization'], "Bearer (masked: the person's token of the upstream)")
  })

  test('on an optional route it tells who goes on as nobody', async () => {
    const line = await site.cookieLine()
    const { answers, backend: johns } = await explained(site, ['GET', '/either'], line)
    assert.ok(answers.every(({ status, asNobody }) => status === undefined && !asNobody))
    assert.equal(johns?.headers['x-forwarded-user'], 'accounts|1')
    const without = await explained(site, ['GET', '/either'])
    assert.ok(without.answers.every(({ status, asNobody }) => status === undefined && asNobody))
    assert.equal(without.backend?.headers['x-forwarded-user'], undefined)
    const bad = await explained(site, ['GET', '/either'], 'Authorization: Bearer nothing\n')
    assert.ok(bad.answers.every(({ status, asNobody }) => status !== undefined && !asNobody))
    const { answers: open } = await explained(site, ['GET', '/public'])
    assert.ok(
      open.every(({ asNobody }) => !asNobody),
      'on a public route nobody is asked',
    )
    const { stdout } = await site.run(['explain', 'GET', '/either'])
    assert.match(stdout, /^route .* signed in or not /m)
    assert.match(stdout, /^answers {5}navigation +let through as nobody$/m)
    const socket = await site.run(['explain', 'GET', '/either'], 'Upgrade: websocket\n')
    assert.match(socket.stdout, /^websocket {3}by cookie where Origin is .*; as nobody from anywhere$/m)
  })

  test('nothing secret is printed, in either form', async () => {
    const line = await site.cookieLine('ada')
    const token = /postern=([^;\n]+)/.exec(line)?.[1] ?? ''
    for (const path of ['/own/x', '/staff', '/public'])
      for (const form of [[], ['--json']]) {
        const { stdout } = await site.run(['explain', 'GET', path, ...form], line)
        for (const part of token.split('.').slice(1)) assert.ok(!stdout.includes(part), path)
        for (const issued of site.gateway.service.issued) assert.ok(!stdout.includes(issued), path)
      }
  })

  test('nothing is asked of the upstream or of a backend, and nothing is renewed', async () => {
    const line = await site.cookieLine()
    const { calls } = site.gateway.service
    const before = { ...calls }
    const events = site.gateway.events.length
    await explained(site, ['GET', '/own/x'], line)
    assert.deepEqual(calls, before)
    assert.equal(site.gateway.events.length, events)
  })

  test('who has not what a route asks for hears what it asks for, and what there is', async () => {
    const { stdout } = await site.run(['explain', 'GET', '/staff'], await site.cookieLine())
    assert.match(stdout, /^rule {8}asks for roles: admin\n {12}there is .*roles: user$/m)
    assert.match(stdout, /^why {9}forbidden: signed in, and a required claim is not there$/m)
  })
})

describe('explain and WebSockets', () => {
  let site: Site
  let backend: SocketBackend
  const listed = 'https://listed.example.com'

  before(async () => {
    backend = await startSocketBackend()
    site = await startSite({
      options: () => ({
        routes: [
          { path: '/', backend: backend.origin },
          { path: '/public', access: 'public', backend: backend.origin },
          { path: '/staff', require: { roles: ['admin'] }, backend: backend.origin },
          { path: '/shared', cors: [listed], backend: backend.origin },
          { path: '/plain', websocket: false, backend: backend.origin },
          { path: '/either', access: 'optional', backend: backend.origin },
        ],
      }),
    })
  })
  after(async () => {
    await site.close()
    await backend.close()
  })

  test('it says of every opener, route and credential what the gateway then does', async () => {
    const config = parseOptions(site.options)
    const keys = await loadKeyFolder(config.keys.dir)
    const cookie = async (name: string) => (await site.cookieLine(name)).trim().slice('Cookie: '.length)
    const john = await cookie('john')
    const credentials = [
      [],
      [{ name: 'cookie', value: john }],
      [{ name: 'cookie', value: await cookie('ada') }],
      [{ name: 'cookie', value: `${john}x` }],
      [{ name: 'authorization', value: `Bearer ${await bearerToken(site.gateway.origin)}` }],
    ]
    const seen = new Set<number>()
    for (const path of ['/live', '/public/a', '/either', '/staff', '/shared', '/plain', '/a%2fb', '/_auth/login'])
      for (const credential of credentials) {
        const target = { ...readTarget('GET', site.gateway.origin.replace('http', 'ws')), target: path }
        const { answers } = await explainRequest(target, credential, {
          config,
          keys,
          revocations: undefined,
          asked: { by: 'proxy' },
        })
        const named = path === '/shared' ? [listed] : []
        for (const { name, headers } of socketClients(config.publicUrl, named)) {
          const sent = [...headers, ...credential.map(({ name: header, value }) => [header, value] as const)]
          const what = `${name}: ${path} with ${credential.map(({ name: header }) => header).join()}`
          const said = answers.find(({ client }) => client === name)
          assert.ok(said, what)
          const status = await handshake(site.gateway.origin, path, sent)
          assert.equal(said.status ?? 101, status, what)
          seen.add(status)
        }
      }
    assert.deepEqual(
      [...seen].toSorted((a, b) => a - b),
      [101, 400, 401, 403, 404],
    )
  })

  test('a line Upgrade: websocket on stdin asks the same, and any other Upgrade is passed over', async () => {
    const line = await site.cookieLine()
    const byAddress = await explained(site, ['GET', `${site.gateway.origin.replace('http', 'ws')}/live`], line)
    const byLine = await explained(site, ['GET', '/live'], `${line}Upgrade: WebSocket\n`)
    assert.deepEqual(byLine.answers, byAddress.answers)
    assert.equal(byLine.answers.find(({ client }) => client === 'page elsewhere')?.reason, 'csrf')
    const plain = await explained(site, ['GET', '/live'], `${line}Upgrade: h2c\n`)
    assert.equal(plain.socket, undefined)
    assert.ok(plain.answers.some(({ client }) => client === 'navigation'))
  })
})

for (const by of ['proxy', 'nginx'] as const)
  test(`a session that has expired is renewed for a WebSocket of its own pages only: ${by}`, async () => {
    const routes = by === 'proxy' ? [{ path: '/', backend: 'http://127.0.0.1:9' }] : []
    const site = await startSite({
      ago: minutes(6),
      options: () => ({ routes, forwardAuth: ['nginx'], trustedProxies: ['127.0.0.1'] }),
    })
    try {
      const { answers } = await explained(site, ['GET', '/x'], `${await site.cookieLine()}Upgrade: websocket\n`)
      assert.deepEqual(
        answers.filter(({ renewsFirst }) => renewsFirst).map(({ client }) => client),
        ['page of this site'],
      )
    } finally {
      await site.close()
    }
  })

test('a front proxy lets through as nobody on an optional route, unless the session can be renewed first', async () => {
  const site = await startSite({
    ago: minutes(6),
    options: () => ({
      routes: [{ path: '/', access: 'optional' }],
      forwardAuth: ['nginx'],
      trustedProxies: ['127.0.0.1'],
    }),
  })
  try {
    const { answers } = await explained(site, ['GET', '/x'], await site.cookieLine())
    assert.ok(answers.every(({ status, asNobody }) => status === undefined && asNobody))
    assert.equal(answers.find(({ client }) => client === 'navigation')?.renewsFirst, true)
    const { stdout } = await site.run(['explain', 'GET', '/x'], await site.cookieLine())
    assert.match(stdout, /navigation +renewal first; without it: let through as nobody$/m)
  } finally {
    await site.close()
  }
})

test('a front proxy is told the same of a WebSocket', async () => {
  const site = await startSite({ options: () => ({ forwardAuth: ['nginx'], trustedProxies: ['127.0.0.1'] }) })
  try {
    const { answers } = await explained(site, ['GET', '/x'], `${await site.cookieLine()}Upgrade: websocket\n`)
    assert.deepEqual(
      answers.map(({ client, status }) => [client, status]),
      [
        ['page of this site', undefined],
        ['page elsewhere', 403],
        ['program', 403],
      ],
    )
  } finally {
    await site.close()
  }
})

/** The status of the answer to one. `Connection` and `Upgrade` are its own. */
function handshake(origin: string, path: string, headers: Pairs): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const { host, hostname, port } = new URL(origin)
  const wish = request({
    hostname,
    port,
    path,
    headers: ['host', host, 'connection', 'Upgrade', 'upgrade', 'websocket', ...headers.flat()],
  })
  wish.on('response', (response) => {
    response.resume()
    resolve(response.statusCode ?? 0)
  })
  wish.on('upgrade', (response, socket) => {
    socket.destroy()
    resolve(response.statusCode ?? 0)
  })
  wish.on('error', reject)
  wish.end()
  return promise
}

describe('explain and the life of a session', () => {
  const cases = [
    { ago: minutes(1), state: 'fresh', due: false },
    { ago: minutes(4), state: 'due', due: true },
    { ago: minutes(6), state: 'renewable', due: true },
    { ago: minutes(40), state: 'over', due: false },
  ]
  for (const { ago, state, due } of cases) {
    test(`one of ${ago / minutes(1)} minutes is ${state}`, async () => {
      const site = await startSite({
        ago,
        options: () => ({ routes: [{ path: '/x', backend: 'http://127.0.0.1:9' }] }),
      })
      try {
        const { life, answers, credential } = await explained(site, ['GET', '/x'], await site.cookieLine())
        assert.equal(life?.state, state)
        assert.equal(life?.renewal.due, due)
        assert.equal(life?.renewal.asks, due ? 'check' : undefined)
        assert.equal(credential.state, state === 'fresh' || state === 'due' ? 'valid' : 'refused')
        assert.equal(answers.find(({ client }) => client === 'navigation')?.renewsFirst, due)
        // Never renewed, whatever its state is (RFC 6265bis: it comes from another site).
        assert.equal(answers.find(({ client }) => client === 'fetch from elsewhere')?.renewsFirst, false)
      } finally {
        await site.close()
      }
    })
  }

  test('one that the revocations file ends is over, for the reason revoked', async () => {
    const site = await startSite({
      options: (_, __, folder) => ({
        routes: [{ path: '/x', backend: 'http://127.0.0.1:9' }],
        revocations: { file: `${folder}/revoked.yaml` },
      }),
    })
    try {
      const line = await site.cookieLine()
      const bearer = `Authorization: Bearer ${await bearerToken(site.gateway.origin)}\n`
      assert.equal((await site.run(['revoke', '--subject', 'accounts|1', '--json'])).code, 0)
      const { life, credential, answers } = await explained(site, ['GET', '/x'], line)
      assert.equal(credential.reason, 'revoked')
      assert.equal(life?.state, 'over')
      assert.ok(answers.every(({ reason }) => reason === 'revoked'))
      for (const given of [line, bearer]) {
        const { stdout } = await site.run(['explain', 'GET', '/x'], given)
        assert.match(stdout, /^ +over; would have ended in \d+ s$/m)
        assert.doesNotMatch(stdout, /good for/)
      }
    } finally {
      await site.close()
    }
  })
})

test('as a front proxy asks, it says what is told to that proxy', async () => {
  const site = await startSite({ options: () => ({ forwardAuth: ['nginx', 'caddy'], trustedProxies: ['127.0.0.1'] }) })
  try {
    const line = await site.cookieLine()
    const { proxied, answers } = await explained(site, ['GET', '/orders', '--by', 'caddy'], line)
    assert.equal(proxied?.['x-forwarded-user'], 'accounts|1')
    assert.ok(answers.every(({ status }) => status === undefined))
    const nobody = await explained(site, ['GET', '/orders'])
    assert.ok(nobody.answers.every(({ status }) => status === 401))
  } finally {
    await site.close()
  }
})
