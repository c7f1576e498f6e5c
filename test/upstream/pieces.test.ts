import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { AnswerTooLarge, readAnswer } from '../../src/upstream/answer.ts'

/* The attack: a body in pieces of one byte. Each piece is an object many times its size, so a bound on bytes bounds nothing. */

function responseOf(pieces: Iterable<Buffer>): Dispatcher.ResponseData {
  return { statusCode: 200, headers: {}, body: Readable.from(pieces) } as unknown as Dispatcher.ResponseData
}

test('LG-08 a body in more pieces than anyone sends is not read to its end', async () => {
  let taken = 0
  function* endless() {
    for (;;) {
      taken += 1
      yield Buffer.from(' ')
    }
  }
  await assert.rejects(readAnswer(responseOf(endless()), 1_000_000, Date.now), AnswerTooLarge)
  assert.ok(taken < 20_000, String(taken))
})

test('a body in some thousand pieces is read', async () => {
  const pieces = Array.from({ length: 8_000 }, () => Buffer.from('12'))
  assert.equal((await readAnswer(responseOf(pieces), 1_000_000, Date.now)).text?.length, 16_000)
})
