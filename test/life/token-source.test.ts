import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { inTrace } from '../../src/base/cause.ts'
import type { SpanWords, Trace } from '../../src/base/trace.ts'
import type { Session } from '../../src/life/authentication.ts'
import { fetchFromUpstream, type FetchInit } from '../../src/life/token-source.ts'
import { createParts, type Parts } from './parts.ts'

/** What arrived at the service. */
interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
}

/** A place in a trace, and what is told of the steps that are made from it. */
function traced() {
  const told: SpanWords[] = []
  const place = { traceId: 'a', spanId: 'b', sampled: true, state: undefined }
  const begin = () => ({ trace: { ...place, headers: () => ({ traceparent: 'of the step' }), begin }, end })
  const end = (tell: () => SpanWords) => void told.push(tell())
  const trace: Trace = { ...place, headers: () => ({ traceparent: 'of the request' }), begin }
  return { trace, told }
}

describe('a request to the service with the person’s own token', () => {
  const seen: Seen[] = []
  let service: FastifyInstance
  let origin: string
  let parts: Parts
  let session: Session
  let sealed: string

  before(async () => {
    service = Fastify()
    service.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    service.all('/moved', async (request, reply) => {
      seen.push({ method: request.method, url: request.url, headers: request.headers, body: request.body })
      return reply.redirect('/things')
    })
    service.all('/broken', async (_request, reply) => reply.code(500).send())
    service.all('/*', async (request) => {
      seen.push({ method: request.method, url: request.url, headers: request.headers, body: request.body })
      return { fine: true }
    })
    origin = await service.listen({ host: '127.0.0.1', port: 0 })
    parts = await createParts()
    const carried = await parts.maker.forBrowser(parts.source())
    assert.ok(carried.ok)
    const { claims, kid } = carried.minted
    session = { kind: 'session', claims, kid }
    sealed = claims.upt ?? ''
  })
  beforeEach(() => {
    seen.length = 0
  })
  after(() => service.close())

  const ask = (target: string, init?: FetchInit, text: string | undefined = sealed) =>
    fetchFromUpstream({ ...parts.service.upstream, origin }, parts.sealer, session, text, target, init)

  test('is a GET of a path, and carries the token', async () => {
    const { statusCode, body } = await ask('/things?x=1')
    assert.deepEqual([statusCode, await body.json()], [200, { fine: true }])
    const [request] = seen
    assert.deepEqual([request?.method, request?.url], ['GET', '/things?x=1'])
    assert.equal(request?.headers['authorization'], 'Bearer token-0')
  })

  test('may be for an absolute address of the service', async () => {
    await ask(`${origin}/things`)
    assert.equal(seen[0]?.url, '/things')
  })

  test('has the method, the headers and the body that the handler says', async () => {
    const headers = { 'content-type': 'text/plain', 'x-more': 'yes' }
    await ask('/things', { method: 'PUT', headers, body: 'hello' })
    const [request] = seen
    assert.deepEqual([request?.method, request?.body], ['PUT', 'hello'])
    assert.equal(request?.headers['x-more'], 'yes')
  })

  test('has the token of the person, whatever a handler says, in any case', async () => {
    for (const name of ['authorization', 'Authorization', 'AUTHORIZATION']) {
      await ask('/things', { headers: { [name]: 'Bearer of somebody else', 'x-more': 'yes' } })
      assert.equal(seen.at(-1)?.headers['authorization'], 'Bearer token-0')
      assert.equal(seen.at(-1)?.headers['x-more'], 'yes')
    }
  })

  test('can be given up', async () => {
    await assert.rejects(ask('/things', { signal: AbortSignal.abort(new Error('given up')) }), /given up/)
    assert.equal(seen.length, 0)
  })

  test('follows no redirect', async () => {
    const { statusCode, headers, body } = await ask('/moved')
    await body.dump()
    assert.deepEqual([statusCode, headers['location'], seen.length], [302, '/things', 1])
  })

  test('is a step of the trace that it is part of, with its place in it, and says how it ended and after how long', async () => {
    const { trace, told } = traced()
    const heard: string[] = []
    const step = async (target: string, init?: FetchInit, of = origin) => {
      const before = performance.now()
      const measured = (outcome: string, seconds: number) => {
        assert.ok(seconds >= 0 && seconds <= (performance.now() - before) / 1000)
        heard.push(outcome)
      }
      const upstream = { ...parts.service.upstream, origin: of }
      const { body } = await inTrace(trace, () =>
        fetchFromUpstream(upstream, parts.sealer, session, sealed, target, init, measured),
      )
      await body.dump()
    }
    await step('/things')
    assert.equal(seen[0]?.headers['traceparent'], 'of the step')
    await step('/broken')
    await assert.rejects(step('/things', { signal: AbortSignal.abort(new Error('given up')) }))
    await assert.rejects(step('/things', {}, 'http://127.0.0.1:1'))
    const expected = [
      ['2xx', 200, false],
      ['5xx', 500, true],
      ['aborted', undefined, false],
      ['upstream_unavailable', undefined, true],
    ] as const
    assert.deepEqual(
      told.map(({ name, attributes, failed }) => [
        name,
        attributes['postern.outcome'],
        attributes['http.response.status_code'],
        failed,
      ]),
      expected.map((one) => ['fetch accounts', ...one]),
    )
    assert.deepEqual(
      heard,
      expected.map(([outcome]) => outcome),
    )
  })

  for (const target of [
    'https://evil.example/things',
    '//evil.example/things',
    '\\\\evil.example/things',
    'http://127.0.0.1:1/things',
    'data:text/plain,x',
    'http://',
  ]) {
    test(`goes nowhere else: ${target}`, async () => {
      await assert.rejects(ask(target), {
        code: 'POSTERN_FETCH_FOREIGN_ORIGIN',
        message: `auth.fetch() goes to ${origin} only.`,
      })
      assert.equal(seen.length, 0)
    })
  }

  test('is none where there is no token to show, or nobody to show it to', async () => {
    const fault = {
      code: 'POSTERN_FETCH_NO_TOKEN',
      message: 'The upstream token of this session cannot be opened; the person has to sign in again.',
    }
    const { sealer } = parts
    await assert.rejects(ask('/things', {}, 'a.b.c.d.e'), fault)
    await assert.rejects(
      fetchFromUpstream({ ...parts.service.upstream, origin }, sealer, session, undefined, '/things'),
      fault,
    )
    await assert.rejects(fetchFromUpstream(undefined, sealer, session, sealed, '/things'), fault)
    const another = { ...session, claims: { ...session.claims, sid: 'sid-2' } }
    await assert.rejects(
      fetchFromUpstream({ ...parts.service.upstream, origin }, sealer, another, sealed, '/things'),
      fault,
    )
    assert.equal(seen.length, 0)
  })
})
