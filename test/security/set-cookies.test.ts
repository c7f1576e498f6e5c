import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Options } from '../../src/config/options.ts'
import { assertNoSecretIn } from '../contract/refusal.ts'
import { lintSetCookies } from '../http/set-cookie-lint.ts'
import { BrowserClient, formPost, navigation, sameOriginFetch, send, type Answer } from '../support/browser-client.ts'
import { hours, minutes } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { serviceOptions, type Service } from '../support/service.ts'
import { openSocket } from '../support/socket-client.ts'

/* Every answer of every flow, those that should set nothing as well: whoever adds a flow adds it here. */

interface Stage {
  readonly gateway: Gateway
  readonly client: BrowserClient
  /** Of our cookie. */
  readonly name: string
  /** What the backend answers with beside its body. */
  answerWith: (response: ServerResponse) => void
}

type Flow = (stage: Stage) => Promise<readonly Answer[]>

/** A service that asks for a code after the password. */
const twoSteps = (origin: string): Options['upstreams'][string] => ({
  kind: 'login',
  title: 'Two steps',
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
})

const json = { 'content-type': 'application/json' }
const form = (client: BrowserClient, values: Readonly<Record<string, string>>) =>
  client.send(
    '/_auth/login',
    'POST',
    { ...formPost, origin: client.origin },
    new URLSearchParams({ upstream: 'accounts', ...values }).toString(),
  )
const signIn = (client: BrowserClient, username = 'john', password = 'password123') =>
  form(client, { username, password })

/** Which of our cookies each answer sets (`+`), or deletes (`-`), in their order. */
const flows: Readonly<Record<string, { readonly run: Flow; readonly sets: readonly string[] }>> = {
  'a sign-in': { run: async ({ client }) => [await signIn(client)], sets: ['+ +out'] },
  'a sign-in by JSON that asks for a cookie': {
    run: async ({ client }) => {
      const body = { upstream: 'accounts', username: 'john', password: 'password123', response: 'cookie' }
      return [await client.send('/_auth/login', 'POST', { ...sameOriginFetch, ...json }, JSON.stringify(body))]
    },
    sets: ['+ +out'],
  },
  'a sign-in by JSON that asks for a token': {
    run: async ({ client }) => {
      const body = { upstream: 'accounts', username: 'john', password: 'password123' }
      return [await client.send('/_auth/login', 'POST', { ...sameOriginFetch, ...json }, JSON.stringify(body))]
    },
    sets: [''],
  },
  'a wrong password, and one from another site': {
    run: async ({ client, gateway }) => [
      await signIn(client, 'john', 'not the password'),
      await send(
        `${gateway.origin}/_auth/login`,
        'POST',
        { ...formPost, 'sec-fetch-site': 'cross-site' },
        'upstream=accounts&username=john&password=password123',
      ),
    ],
    sets: ['', ''],
  },
  'a service that is down': {
    run: async ({ client, gateway }) => {
      gateway.service.mode = 'down'
      return [await signIn(client)]
    },
    sets: [''],
  },
  'a second step, right and wrong': {
    run: async ({ client }) => {
      const first = await form(client, { upstream: 'steps', username: 'john', password: 'password123' })
      const transaction = /name="transaction" value="([^"]*)"/.exec(first.text)?.[1] ?? ''
      const wrong = await form(client, { upstream: 'steps', transaction, code: '000000' })
      const right = await form(client, { upstream: 'steps', transaction, code: '123456' })
      return [first, wrong, right]
    },
    sets: ['+browser', '', '+ +out'],
  },
  'a second step that another browser finishes': {
    run: async ({ client, gateway }) => {
      const first = await form(client, { upstream: 'steps', username: 'john', password: 'password123' })
      const transaction = /name="transaction" value="([^"]*)"/.exec(first.text)?.[1] ?? ''
      const other = new BrowserClient(gateway.origin)
      return [await form(other, { upstream: 'steps', transaction, code: '123456' })]
    },
    sets: [''],
  },
  'a sign-in over a session of somebody else': {
    run: async ({ client }) => {
      await signIn(client)
      return [await signIn(client, 'ada')]
    },
    sets: ['+ +out'],
  },
  'a long token, in two cookies, and then a short one': {
    run: async ({ client, gateway }) => {
      gateway.service.tokenLength = 2600
      const long = await signIn(client)
      gateway.clock.advance(minutes(4))
      const renewed = await client.send('/protected')
      gateway.service.tokenLength = 32
      return [long, renewed, await signIn(client)]
    },
    sets: ['+ +upt +out', '+ +upt', '+ +out -upt'],
  },
  'a token that fits nowhere': {
    run: async ({ client, gateway }) => {
      gateway.service.tokenLength = 8000
      return [await signIn(client)]
    },
    sets: [''],
  },
  'a renewal, and the same cookie again a moment later': {
    run: async ({ client, gateway }) => {
      await signIn(client)
      gateway.clock.advance(minutes(4))
      const copy = { ...client.cookieHeader(), ...navigation }
      const renewed = await client.send('/protected')
      const replayed = await send(`${gateway.origin}/protected`, 'GET', copy)
      assert.deepEqual(replayed.setCookies, renewed.setCookies)
      return [renewed, replayed]
    },
    sets: ['+', '+'],
  },
  'a renewal when asked, by the sign-in page, and for what is then forbidden': {
    run: async ({ client, gateway }) => {
      await signIn(client)
      const asked = await client.send('/_auth/renew', 'POST', sameOriginFetch)
      gateway.clock.advance(minutes(6))
      const page = await client.send('/_auth/login')
      gateway.clock.advance(minutes(6))
      return [asked, page, await client.send('/admin')]
    },
    sets: ['+', '+', '+'],
  },
  'a renewal that cannot be, for now and for good': {
    run: async ({ client, gateway }) => {
      await signIn(client)
      gateway.clock.advance(minutes(6))
      gateway.service.mode = 'down'
      const later = await client.send('/protected', 'GET', sameOriginFetch)
      gateway.service.mode = 'well'
      gateway.clock.advance(minutes(1))
      gateway.service.tokens.clear()
      return [later, await client.send('/protected', 'GET', sameOriginFetch)]
    },
    sets: ['', ''],
  },
  'a renewal in front of a backend that would have its answer kept, and sets cookies of its own': {
    run: async (stage) => {
      await signIn(stage.client)
      stage.gateway.clock.advance(minutes(4))
      stage.answerWith = (response) => {
        response.setHeader('cache-control', 'public, s-maxage=31536000')
        response.setHeader(
          'set-cookie',
          ['', '-out', '-upt', '-browser'].map((part) => `${stage.name}${part}=evil; Path=/`),
        )
      }
      return [await stage.client.send('/app/x')]
    },
    sets: ['+'],
  },
  'a session that is over, where it is asked for and where one signs in': {
    run: async ({ client, gateway }) => {
      await signIn(client)
      gateway.clock.advance(hours(9))
      return [await client.send('/protected'), await client.send('/_auth/session'), await client.send('/_auth/login')]
    },
    sets: ['', '', '- -upt'],
  },
  'a cookie that nobody can read': {
    run: async ({ client, name }) => {
      client.cookies.set(name, 'garbage')
      return [await client.send('/protected'), await client.send('/_auth/login')]
    },
    sets: ['', '- -upt'],
  },
  'a sign-out by form, and one by script': {
    run: async ({ client }) => {
      await signIn(client)
      const form = await client.signOut()
      await signIn(client)
      return [form, await client.send('/_auth/logout', 'POST', sameOriginFetch)]
    },
    sets: ['- -upt +out', '- -upt +out'],
  },
  'a sign-out that the service does not hear of, and one from another site': {
    run: async ({ client, gateway }) => {
      await signIn(client)
      const foreign = await client.sendOnly('/_auth/logout', 'POST', { ...formPost, 'sec-fetch-site': 'cross-site' })
      gateway.service.mode = 'down'
      return [foreign, await client.signOut()]
    },
    sets: ['', '- -upt +out'],
  },
  'a sign-out of nobody': { run: async ({ client }) => [await client.signOut()], sets: ['- -upt +out'] },
  'two credentials': {
    run: async ({ client }) => {
      await signIn(client)
      return [await client.sendOnly('/protected', 'GET', { authorization: 'Bearer x' })]
    },
    sets: [''],
  },
}

/** `+` set, `-` deleted; then what stands behind our name. */
function described({ setCookies }: Answer): string {
  return setCookies
    .map((text) => {
      const name = text.slice(0, text.indexOf('=')).replace(/^__Host-/, '')
      return `${/;\s*max-age=0\b/i.test(text) ? '-' : '+'}${name.slice('postern-'.length)}`
    })
    .join(' ')
}

for (const publicUrl of [undefined, 'https://app.example.com']) {
  describe(`CK-01 CK-02 CK-04 under ${publicUrl ?? 'http on loopback'} every Set-Cookie has our name, attributes and size, and only who should be sets one:`, () => {
    const secure = publicUrl !== undefined
    let gateway: Gateway
    let steps: FastifyInstance
    let stage: Stage
    const silent = () => undefined
    const backend = createServer((_request, response) => {
      stage.answerWith(response)
      response.end('ok')
    })
    before(async () => {
      steps = Fastify()
      steps.post('/login', (_request, reply) => reply.code(401).send({ ticket: 'ticket' }))
      steps.post<{ Body: { code: string } }>('/code', (request, reply) =>
        request.body.code === '123456' ? reply.send({ token: 'token', id: 7 }) : reply.code(401).send({}),
      )
      const stepsOrigin = await steps.listen({ host: '127.0.0.1', port: 0 })
      await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
      const options = (_origin: string, service: Service): Partial<Options> => ({
        session: { renewWait: '30s' },
        upstreams: { accounts: serviceOptions(service.origin), steps: twoSteps(stepsOrigin) },
        routes: [{ path: '/app/', backend: `http://127.0.0.1:${(backend.address() as AddressInfo).port}` }],
        forwardAuth: ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy'],
        trustedProxies: ['127.0.0.1/32', '::1/128'],
      })
      gateway = await startGateway({ face: 'server', options, ...(publicUrl === undefined ? {} : { publicUrl }) })
    })
    after(async () => {
      await gateway.close()
      await steps.close()
      backend.close()
      backend.closeAllConnections()
    })
    beforeEach(() => {
      gateway.service.reset()
      gateway.clock.advance(minutes(20))
      const name = secure ? '__Host-postern' : 'postern'
      stage = { gateway, name, client: new BrowserClient(gateway.origin), answerWith: silent }
    })

    for (const [name, { run, sets }] of Object.entries(flows)) {
      test(name, async () => {
        const answers = await run(stage)
        for (const answer of answers) {
          lintSetCookies(answer, { secure })
          const { 'set-cookie': _, ...others } = answer.headers
          assertNoSecretIn(gateway, JSON.stringify(others), 'a header')
        }
        assert.deepEqual(answers.map(described), sets)
      })
    }

    test('a renewal that a front proxy asks for, and one that a WebSocket brings about', async () => {
      const { client } = stage
      await signIn(client)
      gateway.clock.advance(minutes(4))
      const question = {
        'x-forwarded-method': 'GET',
        'x-forwarded-uri': '/app/x',
        'x-forwarded-host': 'app.example.com',
      }
      const asked = await client.send('/_auth/verify/traefik', 'GET', { ...navigation, ...question })
      assert.equal(asked.status, 200)
      assert.equal(described(asked), '+')
      assert.equal(asked.headers['x-postern-set-cookie-0'], asked.setCookies[0])
      // Which answers are kept is for the front proxy to say: this one is a question's.
      lintSetCookies({ ...asked, headers: { 'cache-control': 'private, no-store' } }, { secure })
      assert.equal(asked.headers['cache-control'], 'no-store')

      gateway.clock.advance(minutes(4))
      const origin = publicUrl ?? gateway.origin
      const headers = { ...client.cookieHeader(), origin }
      const opened = await openSocket(`${gateway.origin}/app/socket`, { headers })
      // The backend has no WebSockets: what it says instead still brings the new cookie.
      assert.ok(!opened.open)
      const setCookies = [opened.headers['set-cookie'] ?? []].flat()
      assert.equal(setCookies.length, 1)
      lintSetCookies(
        {
          status: opened.status,
          headers: { 'cache-control': 'private, no-store' },
          setCookies,
          text: '',
          json: () => ({}),
        },
        { secure },
      )
    })
  })
}
