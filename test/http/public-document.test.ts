import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { sendPublicDocument } from '../../src/http/public-document.ts'
import { hours } from '../support/clock.ts'

test('a document that is kept is written out once, however often it is asked for', async (t) => {
  let written = 0
  const document = {
    toJSON() {
      written += 1
      return { text: 'for everybody' }
    },
  }
  const app = Fastify()
  t.after(() => app.close())
  const config = { keys: { publishAhead: hours(1) } } as Parameters<typeof sendPublicDocument>[2]
  app.get('/', (request, reply) => sendPublicDocument(request, reply, config, 'application/json', document))
  const first = await app.inject('/')
  const second = await app.inject('/')
  const known = await app.inject({ url: '/', headers: { 'if-none-match': String(first.headers['etag']) } })
  assert.deepEqual([first.body, second.body, known.body], ['{"text":"for everybody"}', first.body, ''])
  assert.deepEqual([first.statusCode, second.statusCode, known.statusCode], [200, 200, 304])
  assert.equal(second.headers['etag'], first.headers['etag'])
  assert.equal(written, 1)
})
