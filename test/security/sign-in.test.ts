import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { createKeyRing } from '../../src/keys/ring.ts'
import { createTransactionSealer } from '../../src/token/transaction.ts'
import { BrowserClient, formPost, navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { freshKeys } from '../support/keys.ts'
import { serviceOptions } from '../support/service.ts'
import { exchange } from '../wire/raw.ts'

const json = { 'content-type': 'application/json' }
const right = JSON.stringify({ username: 'john', password: 'password123', upstream: 'accounts' })
const wrong = JSON.stringify({ username: 'john', password: 'not the password', upstream: 'accounts' })

let steps: FastifyInstance
let gateway: Gateway
before(async () => {
  steps = Fastify()
  steps.post('/login', (_request, reply) => reply.code(401).send({ ticket: 'ticket' }))
  steps.post<{ Body: { code: string } }>('/code', (request, reply) =>
    request.body.code === '123456' ? reply.send({ token: 'token', id: 7 }) : reply.code(401).send({}),
  )
  const origin = await steps.listen({ host: '127.0.0.1', port: 0 })
  gateway = await startGateway({
    face: 'server',
    options: (_origin, service) => ({
      upstreams: {
        accounts: serviceOptions(service.origin),
        steps: {
          kind: 'login',
          origin,
          login: {
            request: { path: '/login', json: { name: '{username}', password: '{password}' } },
            token: { json: '/token' },
            subject: { json: '/id' },
          },
          secondStep: {
            when: { status: [401], body: [{ json: '/ticket', exists: true }] },
            fields: [{ name: 'code', label: 'Code', autocomplete: 'one-time-code' }],
            carry: { ticket: { json: '/ticket' } },
            request: { path: '/code', json: { ticket: '{ticket}', code: '{code}' } },
          },
        },
      },
    }),
  })
})
after(async () => {
  await gateway.close()
  await steps.close()
})
beforeEach(() => {
  gateway.clock.advance(minutes(20))
  gateway.service.reset()
})

test('TM-09 an answer with a token is JSON that nobody stores, and the token stands in its body and nowhere else', async () => {
  for (const headers of [json, { ...json, ...sameOriginFetch }, { ...json, accept: 'text/html' }]) {
    const answer = await send(`${gateway.origin}/_auth/login?upstream=accounts`, 'POST', headers, right)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.equal(answer.headers['x-content-type-options'], 'nosniff')
    assert.equal(answer.headers['location'], undefined)
    const { access_token: token, token_type, expires_in, ...rest } = answer.json()
    assert.deepEqual([token_type, typeof expires_in, rest], ['Bearer', 'number', {}])
    assert.match(String(token), /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/)
    assert.doesNotMatch(JSON.stringify(answer.headers), /eyJ/)
  }
})

describe('CS-03 what stands in a form and proves where it comes from is sealed under our key and bound to the browser:', () => {
  const post = (client: BrowserClient, values: Readonly<Record<string, string>>, headers = {}) =>
    client.send(
      '/_auth/login',
      'POST',
      { ...formPost, origin: client.origin, ...headers },
      new URLSearchParams({ upstream: 'steps', ...values }).toString(),
    )
  const hidden = (page: string) => /name="transaction" value="([^"]*)"/.exec(page)?.[1] ?? ''

  async function begun(): Promise<{ readonly client: BrowserClient; readonly transaction: string }> {
    const client = new BrowserClient(gateway.origin)
    const page = await post(client, { username: 'john', password: 'password123' })
    assert.equal(page.status, 200)
    return { client, transaction: hidden(page.text) }
  }

  test('one of our own opens, in the browser that it was made for', async () => {
    const { client, transaction } = await begun()
    assert.equal((await post(client, { transaction, code: '123456' })).status, 303)
  })

  test('a cookie and a field that were both made up are refused, alike or not', async () => {
    for (const value of ['x', 'AAAAAAAAAAAAAAAAAAAAAA', 'a.b.c.d.e']) {
      const victim = new BrowserClient(gateway.origin)
      for (const name of ['postern-browser', 'csrf', '_csrf', 'XSRF-TOKEN']) victim.cookies.set(name, value)
      const made = { transaction: value, csrf: value, _csrf: value, code: '123456' }
      assert.equal((await post(victim, made)).status, 400)
      // Nor is such a pair a way around the question where a form comes from.
      const { code: _, transaction: __, ...pair } = made
      const typed = { ...pair, username: 'john', password: 'password123' }
      assert.equal((await post(victim, typed, { 'sec-fetch-site': 'cross-site' })).status, 403)
      assert.equal((await post(victim, typed, { 'sec-fetch-site': 'cross-site', 'x-csrf-token': value })).status, 403)
      assert.equal(victim.cookies.has('postern'), false)
    }
  })

  test('a field of ours with a cookie that was made up, and the reverse, are refused', async () => {
    const { client, transaction } = await begun()
    const victim = new BrowserClient(gateway.origin)
    for (const value of ['AAAAAAAAAAAAAAAAAAAAAA', undefined]) {
      if (value !== undefined) victim.cookies.set('postern-browser', value)
      assert.equal((await post(victim, { transaction, code: '123456' })).status, 400)
    }
    assert.equal((await post(client, { transaction: 'AAAA', code: '123456' })).status, 400)
  })

  test("the attacker's own pair, planted whole, is still no form of ours when another site sends it", async () => {
    const { client, transaction } = await begun()
    const victim = new BrowserClient(gateway.origin)
    victim.cookies.set('postern-browser', client.cookies.get('postern-browser') ?? '')
    for (const site of ['cross-site', 'same-site']) {
      const answer = await post(victim, { transaction, code: '123456' }, { 'sec-fetch-site': site })
      assert.equal(answer.status, 403)
      assert.deepEqual(answer.setCookies, [])
    }
  })

  test('one that is sealed under any other key is refused', async () => {
    const { client } = await begun()
    const browser = undefined
    const ring = createKeyRing(await freshKeys(gateway.clock()), minutes(31), gateway.clock)
    const transaction = await createTransactionSealer(ring, gateway.clock).seal({
      upstream: 'steps',
      values: { ticket: 'ticket' },
      account: 'john',
      browser,
    })
    assert.ok(transaction !== undefined)
    assert.equal((await post(client, { transaction, code: '123456' })).status, 400)
  })
})

describe('LG-04 attempts are counted together, by whatever way they come:', () => {
  const spellings = [
    '/_auth/login',
    '/_auth/%6cogin',
    '/%5fauth/login',
    '/_auth/logi%6E',
    '//_auth/login',
    '/_auth//login',
    '/_auth/login/',
    '/_auth/./login',
    '/x/../_auth/login',
    '/_AUTH/login',
    '/_auth/LOGIN',
    '/_auth/login;a',
    '/_auth/login%3Fa',
    '/_auth/login?a=b',
    '/_auth/login?username=ada',
    '/_auth/login#a',
    '/_auth%2flogin',
    'http://localhost/_auth/login',
  ]

  test('no spelling of the address has a count of its own', async () => {
    const statuses: number[] = []
    for (const path of [...spellings, ...spellings]) {
      // Raw: a client would mend the address first.
      const answer = await exchange(
        gateway,
        `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${wrong.length}\r\n\r\n${wrong}`,
      )
      statuses.push(answer.status)
    }
    assert.ok(gateway.service.calls.login <= 5, String(gateway.service.calls.login))
    assert.equal(statuses.filter((status) => status === 401).length, 5)
    assert.ok(statuses.includes(429))
    assert.ok(statuses.every((status) => [400, 401, 404, 429].includes(status)))
  })

  test('no form of sign-in has', async () => {
    const form = new URLSearchParams({ username: 'john', password: 'not the password', upstream: 'accounts' })
    const basic = `Basic ${Buffer.from('john:not the password').toString('base64')}`
    const cookie = JSON.stringify({ ...(JSON.parse(wrong) as object), response: 'cookie' })
    const ways = [
      () => send(`${gateway.origin}/_auth/login`, 'POST', json, wrong),
      () => send(`${gateway.origin}/_auth/login`, 'POST', { ...json, ...sameOriginFetch }, cookie),
      () => send(`${gateway.origin}/_auth/login`, 'POST', { ...formPost, origin: gateway.origin }, form.toString()),
      () => send(`${gateway.origin}/_auth/login`, 'POST', { ...json, 'x-forwarded-for': '203.0.113.9' }, wrong),
      () => send(`${gateway.origin}/_auth/login`, 'POST', { ...json, 'user-agent': 'another' }, wrong),
      () => send(`${gateway.origin}/_auth/login`, 'POST', { ...json, 'x-http-method-override': 'PUT' }, wrong),
      () => send(`${gateway.origin}/protected`, 'GET', { authorization: basic }),
      () => send(`${gateway.origin}/_auth/session`, 'GET', { authorization: basic }),
      () => send(`${gateway.origin}/_auth/login?${form.toString()}`, 'GET', navigation),
    ]
    for (let round = 0; round < 3; round += 1) for (const way of ways) assert.notEqual((await way()).status, 500)
    assert.equal(gateway.service.calls.login, 5)
    // Nor does the right password help, whichever way it comes, until the time is over.
    assert.equal((await send(`${gateway.origin}/_auth/login`, 'POST', json, right)).status, 429)
    gateway.clock.advance(minutes(2))
    assert.equal((await send(`${gateway.origin}/_auth/login`, 'POST', json, right)).status, 200)
  })
})

describe('CS-04 a sign-in by JSON is not taken from a form of another site, whatever it calls its content:', () => {
  const ask = (lines: readonly string[]) =>
    exchange(
      gateway,
      `POST /_auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines.join('\r\n')}\r\nContent-Length: ${right.length}\r\n\r\n${right}`,
    )

  // What a page may send without being asked first (Fetch, "CORS-safelisted request-header"), and what parsers mistake.
  for (const type of [
    'text/plain',
    'text/plain; application/json',
    'text/plain;charset=utf-8',
    'multipart/form-data; boundary="application/json"',
    'application/x-www-form-urlencoded; a=application/json',
    'application/x-www-form-urlencoded, application/json',
    'text/plain, application/json',
    '',
    'json',
    '*/*',
    'application/json5',
    'application/jsonml+json',
    'application/json\t,text/plain',
  ]) {
    test(JSON.stringify(type), async () => {
      const answer = await ask([`Content-Type: ${type}`])
      assert.ok([400, 403, 415].includes(answer.status), answer.text)
      assert.equal(gateway.service.calls.login, 0)
      assert.doesNotMatch(answer.text, /access_token|set-cookie/i)
    })
  }

  test('none at all, and two of them', async () => {
    for (const lines of [['X-Nothing: a'], ['Content-Type: text/plain', 'Content-Type: application/json']]) {
      const answer = await ask(lines)
      assert.ok([400, 403, 415].includes(answer.status), answer.text)
      assert.equal(gateway.service.calls.login, 0)
    }
  })

  test('white space around the type is none of it (RFC 9110 section 5.5): this is JSON, which no page sends unasked', async () => {
    for (const line of [
      'Content-Type:application/json\t',
      'Content-Type: \t application/json ',
      'content-type: APPLICATION/JSON',
    ])
      assert.equal((await ask([line])).status, 200, JSON.stringify(line))
  })
})
