import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { clientCodes } from '../../src/base/reasons.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { BrowserClient, formPost, navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { freePort, startGateway, type Gateway } from '../support/gateway.ts'
import { serviceOptions } from '../support/service.ts'
import { exchange, type RawAnswer } from '../wire/raw.ts'

/*
 * The attack: markup and forged lines wherever a client can write, in front of every refusal that there is; and a look
 * at what the refusal tells of the house.
 */

const markup = `"><svg onload=alert(1)>`
const encoded = encodeURIComponent(markup)
const forged = `{"level":"fatal","msg":"forged"}`

/** By status: what gets it, as request line, headers and body. */
interface Asked {
  readonly line: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

let gateway: Gateway
let backend: Backend
let signedIn: string
before(async () => {
  backend = await startBackend()
  const nobody = `http://127.0.0.1:${await freePort()}`
  gateway = await startGateway({
    face: 'server',
    options: (_origin, service) => ({
      forwardAuth: ['nginx', 'traefik', 'envoy'],
      trustedProxies: ['127.0.0.1'],
      api: { audience: 'https://api.example.com' },
      exchange: { accounts: { by: 'check' } },
      clients: { cli: { public: true } },
      upstreams: {
        accounts: { ...serviceOptions(service.origin), timeout: '300ms' },
        other: serviceOptions(service.origin),
      },
      routes: [
        { path: '/slow/', access: 'public', backend: backend.origin, timeout: '100ms' },
        { path: '/gone/', access: 'public', backend: nobody },
        { path: '/members/', backend: backend.origin },
        { path: '/staff/', backend: backend.origin, require: { roles: ['admin'] } },
        { path: '/small/', access: 'public', backend: backend.origin, maxBody: '1kB' },
      ],
    }),
    routes: (app) => {
      app.all('/throws', async (request) => {
        throw Object.assign(new Error(`${request.url} ${markup}`), { headers: request.headers })
      })
    },
  })
  backend.handle = (asked, response) => {
    if (asked.url?.startsWith('/slow') !== true) response.end('ok')
  }
  const client = new BrowserClient(gateway.origin)
  await client.signIn('john', 'password123', { upstream: 'accounts' })
  signedIn = client.cookieHeader()['cookie'] ?? ''
})
after(async () => {
  await gateway.close()
  await backend.close()
})

const json = { 'content-type': 'application/json' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }
const login = (more: Readonly<Record<string, string>> = {}) =>
  JSON.stringify({ username: markup, password: 'not the password', upstream: 'accounts', return_to: markup, ...more })

/** Whether it is a page for a browser is for the client to say; what is JSON only says so itself. */
const refusals: Readonly<Record<string, readonly (() => Asked)[]>> = {
  400: [
    () => ({ line: `GET /a//${markup.replaceAll(' ', '%20')}` }),
    () => ({ line: `GET /%zz${encoded}` }),
    () => ({ line: `GET /members/..%2f${encoded}` }),
    () => ({ line: `POST /_auth/login`, headers: json, body: `{"username":${markup}` }),
    () => ({ line: `GET /members/`, headers: { cookie: `${signedIn}; postern=${encoded}` } }),
    () => ({ line: `POST /_auth/token?${encoded}`, headers: form, body: `grant_type=${encoded}&client_id=${encoded}` }),
  ],
  401: [
    () => ({ line: `GET /members/${encoded}?x=${encoded}`, headers: { cookie: `postern=${encoded}` } }),
    () => ({ line: `POST /members/${encoded}`, headers: { ...form, authorization: `Bearer ${markup}` }, body: 'a=b' }),
    () => ({ line: `POST /_auth/login`, headers: json, body: login() }),
    () => ({ line: `GET /_auth/session`, headers: { authorization: `Basic ${forged}` } }),
    () => ({ line: `POST /_auth/renew?${encoded}`, headers: { 'x-forwarded-uri': markup } }),
    () => ({
      line: `GET /_auth/verify/nginx`,
      headers: {
        'x-original-uri': `/members/${encoded}`,
        'x-original-url': `${gatewayUrl()}/members/${encoded}`,
        'x-original-method': 'GET',
      },
    }),
    () => ({ line: `GET /_auth/verify/envoy/members/${encoded}` }),
    () => ({
      line: `POST /_auth/token`,
      headers: form,
      body: `grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=x&subject_token_type=urn:ietf:params:oauth:token-type:access_token&client_id=${encoded}`,
    }),
  ],
  403: [
    () => ({ line: `GET /staff/${encoded}?${encoded}`, headers: { cookie: signedIn } }),
    () => ({
      line: `POST /_auth/login`,
      headers: { ...form, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      body: `username=${encoded}`,
    }),
    () => ({
      line: `POST /members/`,
      headers: { cookie: signedIn, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    }),
  ],
  404: [
    () => ({ line: `GET /nowhere`, headers: { host: markup, 'x-forwarded-host': markup } }),
    () => ({ line: `GET /nowhere/${encoded}?${encoded}` }),
    () => ({ line: `GET /_auth/${encoded}` }),
    () => ({ line: `GET /_auth/oidc/${encoded}/start` }),
  ],
  405: [
    () => ({ line: `DELETE /_auth/login?${encoded}` }),
    () => ({ line: `PATCH /_auth/token`, headers: { 'x-http-method-override': markup } }),
  ],
  413: [
    () => ({ line: `POST /_auth/login`, headers: json, body: `"${markup.repeat(1_000)}"` }),
    () => ({ line: `POST /small/x`, headers: { 'content-type': 'text/html' }, body: markup.repeat(1_000) }),
  ],
  415: [() => ({ line: `POST /_auth/login`, headers: { 'content-type': `text/x-${forged}` }, body: markup })],
  417: [() => ({ line: `POST /x?${encoded}`, headers: { expect: markup, 'content-length': '0' } })],
  429: [() => ({ line: `POST /_auth/login`, headers: json, body: login({ upstream: 'other' }) })],
  431: [() => ({ line: `GET /x?${encoded}`, headers: { 'x-large': markup.repeat(2_000) } })],
  500: [
    () => ({ line: `GET /throws?${encoded}` }),
    () => ({ line: `POST /throws`, headers: json, body: JSON.stringify({ markup }) }),
  ],
  502: [
    () => ({ line: `GET /gone/${encoded}?${encoded}` }),
    () => ((gateway.service.mode = 'garbage'), { line: `POST /_auth/login`, headers: json, body: login() }),
  ],
  503: [() => ((gateway.service.mode = 'down'), { line: `POST /_auth/login`, headers: json, body: login() })],
  504: [
    () => ({ line: `GET /slow/${encoded}` }),
    () => ((gateway.service.mode = 'hang'), { line: `POST /_auth/login`, headers: json, body: login() }),
  ],
}

const gatewayUrl = () => gateway.origin

/** What a client may write into any request, beside what the refusal needs. */
const everywhere = {
  host: 'localhost',
  'user-agent': `${markup} ${forged}`,
  referer: `https://evil.example/${markup}`,
  'x-request-id': forged,
  'x-forwarded-proto': markup,
  'x-forwarded-for': forged,
  'accept-language': markup,
  traceparent: markup,
}

async function ask(
  { line, headers = {}, body = '' }: Asked,
  client: Readonly<Record<string, string>>,
): Promise<RawAnswer> {
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const { 'content-type': _, ...who } = client as Record<string, string>
  const all = { ...everywhere, ...who, ...length, ...headers, connection: 'close' }
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return exchange(gateway, `${[`${line} HTTP/1.1`, ...head].join('\r\n')}\r\n\r\n${body}`, 'utf8')
}

const program = { accept: 'application/json' }

/** What would tell an attacker of the house. */
const internals =
  /node_modules|\.ts\b|\.js:\d|\bat (?:async )?[\w.]+ \(|fastify|undici|node\.?js|\bpino\b|\bjose\b|ECONN|UND_ERR|FST_ERR|HPE_|maintenance|It works|no such user|v?\d+\.\d+\.\d+-|x-powered-by|^server:/im

function assertSafe(answer: RawAnswer, status: number): void {
  assert.equal(answer.status, status, answer.text.slice(0, 400))
  assert.ok(!answer.text.includes(markup), 'markup comes back as it was sent')
  assert.ok(!/<svg\s+onload|<svg%20/i.test(answer.text), 'markup comes back')
  assert.ok(!answer.text.includes('forged'), 'a forged line comes back')
  assert.ok(!answer.text.includes('evil.example'), 'an address of a client comes back')
  assert.doesNotMatch(answer.text.replaceAll(/127\.0\.0\.1|request_id":"[^"]*"/g, ''), internals)
  assert.match(answer.head, /^cache-control: [^\r]*no-store/im)
  assert.match(answer.head, /^x-content-type-options: nosniff\r?$/im)
  const type = /^content-type: ([^\r\n]*)/im.exec(answer.head)?.[1] ?? ''
  if (type === 'text/html; charset=utf-8') {
    assert.match(answer.head, /^content-security-policy: [^\r]*default-src 'none'/im)
    return
  }
  assert.match(type, /^application\/(problem\+json; charset=utf-8|json)$/)
  const body = JSON.parse(answer.body) as { status?: number; code?: keyof typeof clientCodes; error?: string }
  if (body.error !== undefined) return
  assert.equal(body.status, status)
  assert.ok(body.code !== undefined && clientCodes[body.code].status === status)
}

describe('EH-01 EH-04 no refusal repeats what was sent or tells of the house', () => {
  for (const [status, all] of Object.entries(refusals)) {
    for (const [index, asked] of all.entries()) {
      for (const [kind, client] of Object.entries({
        browser: navigation,
        form: formPost,
        fetch: sameOriginFetch,
        program,
      })) {
        const { line } = { line: `${index}` }
        test(`${status} of ${line} for a ${kind}`, async () => {
          gateway.service.mode = 'well'
          if (status === '429')
            for (let count = 0; count < 6; count += 1)
              await send(`${gateway.origin}/_auth/login`, 'POST', json, login({ upstream: 'other' }))
          const before = gateway.logs.length
          const answer = await ask(asked(), client)
          gateway.service.mode = 'well'
          // Somebody in a browser who is not signed in is led to sign in.
          if (answer.status === 303) assert.doesNotMatch(answer.text, /<svg|forged/i)
          else assertSafe(answer, Number(status))
          for (const record of gateway.logs.slice(before)) {
            assert.equal(record.trimEnd().split('\n').length, 1)
            const { level, msg } = JSON.parse(record) as { level: string; msg: string }
            assert.ok(level !== 'fatal' && msg !== 'forged')
            assert.ok(!/svg|forged|evil\.example/.test(record), record)
          }
        })
      }
    }
  }
})
