import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { PosternEvent } from '../../src/base/events.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { createPostern, type Postern } from '../../src/plugin.ts'
import { BrowserClient, send, type Answer } from '../support/browser-client.ts'
import { freePort, startGateway } from '../support/gateway.ts'
import { freshKeys } from '../support/keys.ts'
import { serviceOptions, startService, type Service } from '../support/service.ts'
import { eventually } from '../support/settled.ts'
import { hearAnswers, heardEvents, heardLog } from '../support/sweep.ts'

/*
 * The attack: what makes a hook of the app fail, and so skips what stands behind it. A guard that has not said yes has said
 * no, wherever it goes wrong; and what was thrown quotes the request.
 */

type Hook = 'onRequest' | 'preParsing' | 'preValidation' | 'preHandler' | 'preSerialization' | 'onSend' | 'onResponse'

const beforeHandlers = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const
const afterHandlers = ['preSerialization', 'onSend'] as const

/** How a hook may fail. */
const ways = {
  'by an error': (words: string): never => {
    throw new Error(words)
  },
  'by an error that says it is a success': (words: string): never => {
    throw Object.assign(new Error(words), { statusCode: 200, headers: { 'x-canary': words } })
  },
  'by a text': (words: string): never => {
    // eslint-disable-next-line no-throw-literal -- an app may throw anything
    throw words
  },
} as const

interface Site {
  readonly origin: string
  readonly service: Service
  readonly events: PosternEvent[]
  readonly logs: string[]
  /** Which hook fails, and how. */
  armed: { readonly hook: Hook; readonly way: keyof typeof ways } | undefined
  /** How often a handler behind a guard has run. */
  ran: number
  close(): Promise<void>
}

/** Hooks of every sort that fail when they are told to, and a route for each place of the guard. */
function prepare(app: FastifyInstance, site: Pick<Site, 'armed'>): void {
  const fail = (hook: Hook) => async (request: FastifyRequest) => {
    if (site.armed?.hook !== hook) return
    const { cookie = '' } = request.headers
    // What fails again with the answer of the error handler is answered by Fastify itself, in the words of the hook.
    const isAnswered = hook !== 'onSend' && hook !== 'preSerialization'
    ways[site.armed.way](isAnswered ? `canary: ${cookie}` : 'canary')
  }
  for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'onResponse'] as const)
    app.addHook(hook as 'onRequest', fail(hook))
  for (const hook of afterHandlers) app.addHook(hook as 'onRequest', fail(hook))
}

function routes(app: FastifyInstance, postern: Pick<Postern<unknown>, 'requireAuth' | 'auth'>, site: Site): void {
  const handler = async (request: FastifyRequest) => {
    site.ran += 1
    return { mine: postern.auth(request).subject }
  }
  app.get('/early', { onRequest: postern.requireAuth(), handler })
  app.get('/late', { preHandler: postern.requireAuth(), handler })
}

async function pluginSite(): Promise<Site> {
  const service = await startService()
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const [events, logs]: [PosternEvent[], string[]] = [[], []]
  const app = Fastify({ loggerInstance: createLogger('trace', heardLog(logs)), forceCloseConnections: true })
  const heard = heardEvents()
  const postern = createPostern(
    { publicUrl: origin, upstreams: { accounts: serviceOptions(service.origin) } },
    {
      keys: await freshKeys(Date.now()),
      onEvent(event) {
        events.push(event)
        heard(event)
      },
    },
  )
  const site: Site = {
    origin,
    service,
    events,
    logs,
    armed: undefined,
    ran: 0,
    async close() {
      await app.close()
      await service.close()
    },
  }
  app.setErrorHandler((_error, _request, reply) => reply.code(500).send({ code: 'of the app' }))
  // Those of an app reach what is registered after them: our endpoints too.
  prepare(app, site)
  hearAnswers(app)
  await app.register(postern.plugin)
  routes(app, postern, site)
  await app.listen({ host: '127.0.0.1', port })
  return site
}

async function serverSite(): Promise<Site> {
  const armed: Pick<Site, 'armed'> = { armed: undefined }
  const site = { ran: 0 }
  const gateway = await startGateway({
    face: 'server',
    routes(app, postern) {
      prepare(app, armed)
      routes(app, postern, site as Site)
    },
  })
  return Object.defineProperty(Object.assign(site, gateway), 'armed', {
    set(value: Site['armed']) {
      armed.armed = value
    },
  }) as unknown as Site
}

for (const [face, start] of [
  ['an app', pluginSite],
  ['the server', serverSite],
] as const) {
  describe(`TV-21 EH-01 a hook of ${face} fails`, () => {
    let site: Site
    let client: BrowserClient
    let quoted: readonly string[]
    before(async () => {
      site = await start()
      client = new BrowserClient(site.origin)
      await client.signIn()
      quoted = ['canary', ...client.cookies.values()]
    })
    after(() => site.close())

    const isApp = face === 'an app'
    const get = (path: string) => client.sendOnly(path)
    const post = () =>
      send(
        `${site.origin}/_auth/login`,
        'POST',
        { 'content-type': 'application/json' },
        JSON.stringify({ username: 'ada', password: 'password123', response: 'cookie' }),
      )

    function assertSaysNothing(answer: Answer): void {
      for (const word of quoted) {
        assert.ok(!answer.text.includes(word), answer.text)
        assert.ok(!JSON.stringify(answer.headers).includes(word))
        assert.ok(!site.logs.join('').includes(word))
      }
    }

    /** One fault, one refusal, and where there are records one of them. */
    async function assertToldOnce(): Promise<void> {
      const told = site.events.map((event) => ('reason' in event ? event.reason : event.type))
      assert.deepEqual(told, ['error', 'internal'])
      if (isApp) return
      const records = () => site.logs.filter((line) => line.includes('"msg":"request"'))
      await eventually(() => records().length > 0)
      assert.equal(records().length, 1)
      assert.match(records()[0] ?? '', /"reason":"internal"/)
    }

    function forget(): void {
      site.events.length = 0
      site.logs.length = 0
      site.ran = 0
    }

    for (const hook of beforeHandlers) {
      for (const way of Object.keys(ways) as (keyof typeof ways)[]) {
        test(`${hook}, ${way}: nothing behind it runs`, async () => {
          site.armed = { hook, way }
          const logins = site.service.calls.login
          for (const path of ['/early', '/late']) {
            for (const ask of [() => get(path), () => send(`${site.origin}${path}`)]) {
              forget()
              const answer = await ask()
              // A guard that stands before it has refused who is nobody already.
              assert.match(String(answer.status), /^(500|401|303)$/)
              assert.equal(site.ran, 0)
              assert.deepEqual(answer.setCookies, [])
              assertSaysNothing(answer)
              if (answer.status === 500 && !isApp) await assertToldOnce()
            }
          }
          if (isApp) {
            for (const ask of [() => get('/_auth/session'), () => get('/_auth/login'), post]) {
              forget()
              const answer = await ask()
              assert.equal(answer.status, 500)
              assert.deepEqual(answer.setCookies, [])
              assertSaysNothing(answer)
              await assertToldOnce()
            }
            assert.equal(site.service.calls.login, logins)
          }
          site.armed = undefined
          assert.equal((await get('/late')).status, 200)
        })
      }
    }

    for (const hook of afterHandlers) {
      test(`${hook}: what the handler made does not arrive, and nobody comes in`, async () => {
        site.armed = { hook, way: 'by an error' }
        for (const path of ['/early', '/late']) {
          forget()
          assert.match(String((await send(`${site.origin}${path}`)).status), /^(401|500)$/)
          assert.equal(site.ran, 0)
          const answer = await get(path)
          assert.equal(answer.status, 500)
          assert.doesNotMatch(answer.text, /accounts\|1/)
          if (hook === 'preSerialization' && !isApp) assertSaysNothing(answer)
        }
        if (isApp && hook === 'onSend') {
          const answer = await post()
          assert.equal(answer.status, 500)
          assert.doesNotMatch(answer.text, /password|access_token/)
          if (answer.setCookies.length > 0) assert.equal(answer.headers['cache-control'], 'private, no-store')
        }
        site.armed = undefined
        assert.equal((await get('/late')).status, 200)
      })
    }

    test('onResponse: the answer is what it was, and the next one too', async () => {
      site.armed = { hook: 'onResponse', way: 'by an error' }
      for (let count = 0; count < 3; count += 1) {
        forget()
        assert.equal((await send(`${site.origin}/late`)).status, 401)
        assert.equal(site.ran, 0)
        const answer = await get('/late')
        assert.deepEqual(answer.json(), { mine: 'accounts|1' })
        assertSaysNothing(answer)
      }
      site.armed = undefined
    })
  })
}
