import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PosternEvent } from '../../src/base/events.ts'
import { Secret } from '../../src/base/secret.ts'
import { logEvents } from '../../src/observe/log.ts'
import { createLogger } from '../../src/observe/logger.ts'

/* The attack: somebody logs an error, and the error holds a request with its Authorization. */

const canary = 'canary-credential'

function captured() {
  const lines: string[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString())
      done()
    },
  })
  return { log: createLogger('trace', sink), text: () => lines.join('') }
}

/** As HTTP clients throw them: whatever was sent hangs on the error, under any name. */
function ladenError(): Error {
  const inner = Object.assign(new Error(`refused with ${canary}`), { code: 'E_INNER', response: { body: canary } })
  return Object.assign(new TypeError(`failed for ${canary}`, { cause: inner }), {
    code: 'E_OUTER',
    headers: { authorization: `Bearer ${canary}`, Cookie: canary },
    Headers: { AUTHORIZATION: canary },
    request: { rawHeaders: ['Authorization', canary], nested: [{ deep: { token: canary } }] },
    config: { auth: canary },
    toJSON: () => ({ canary }),
    stack: `Error: ${canary}\n    at here`,
    [canary]: canary,
  })
}

test('LL-02 of an error the log has its name and code, whatever hangs on it and wherever it is said', () => {
  const { log, text } = captured()
  const error = ladenError()
  log.error(error)
  log.error({ err: error })
  log.error({ err: error }, error.message)
  log.error(error, 'said so')
  log.error({ err: error }, 'said so')
  log.error({ error }, 'said so')
  log.error({ fault: error, cause: error }, 'said so')
  log.error('said so %s %o %j', error, error, error)
  log.error({ a: 1 }, error as unknown as string)
  log.error({ err: error }, 'said so %o', error)
  log.warn({ err: new AggregateError([error], canary, { cause: error }) }, 'said so')
  log.child({ reqId: 'a' }).error({ err: error }, 'said so')
  logEvents(log)({ type: 'error', where: 'request', error })
  logEvents(log)({ type: 'error', where: 'request', error: canary })
  logEvents(log)({ type: 'error', where: 'request', error: { message: canary, code: 'X' } })
  const said = text()
  assert.doesNotMatch(said, /canary/)
  assert.equal(said.match(/"msg":"said so/g)?.length, 8)
  assert.match(said, /"name":"TypeError","code":"E_OUTER"/)
})

test('LL-02 requests, answers and headers never reach the log, whoever logs them', () => {
  const { log, text } = captured()
  const headers = { authorization: canary, cookie: canary }
  log.info({ req: { headers, url: `/?access_token=${canary}` }, res: { headers }, headers }, 'said so')
  log.child({ req: { headers } }).info('said so')
  assert.doesNotMatch(text(), /canary/)
  assert.equal(text().match(/said so/g)?.length, 2)
})

test('LL-02 of an event the log has the fields that are listed, and none that anybody adds', () => {
  const { log, text } = captured()
  const name = fc.string({ minLength: 1 }).filter((one) => !listed.has(one))
  fc.assert(
    fc.property(fc.dictionary(name, fc.constant(canary), { minKeys: 1 }), (more) => {
      const event = { ...more, type: 'signed_out', upstreamTold: true, sub: 'accounts|1' } as unknown as PosternEvent
      logEvents(log)(event)
    }),
    { numRuns: 100 },
  )
  assert.doesNotMatch(text(), /canary/)
  assert.match(text(), /"sub":"accounts\|1","upstreamTold":true/)
})

/** What the list lets through; a secret has no business there, and nothing of ours puts one. */
const listed = new Set(
  'reqId address sub sid upstream jti replaced carrier cookieBytes reason detail upstreamTold call outcome status milliseconds bytes budget bill where type'.split(
    ' ',
  ),
)

test('LL-02 a secret prints as nothing in whatever it is put', () => {
  const { log, text } = captured()
  const secret = new Secret(canary)
  log.info({ secret, list: [secret], text: `${String(secret)}` }, 'said so')
  assert.doesNotMatch(text(), /canary/)
})
