import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CompactEncrypt, decodeProtectedHeader } from 'jose'
import { createKeyRing } from '../../src/keys/ring.ts'
import { createTransactionSealer, type Transaction } from '../../src/token/transaction.ts'
import { fakeClock, minutes } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'

const clock = fakeClock()
const ring = createKeyRing(await freshKeys(clock()), minutes(31), clock)
const sealer = createTransactionSealer(ring, clock)
const transaction: Transaction = { upstream: 'accounts', values: { ticket: 't-1' }, account: 'john', browser: 'digest' }
const seal = async (one: Transaction = transaction) => (await sealer.seal(one)) ?? assert.fail('too long')
const encrypt = (value: unknown, header: { readonly alg: string; readonly enc: string; readonly kid?: string }) =>
  new CompactEncrypt(Buffer.from(JSON.stringify(value)))
    .setProtectedHeader(header)
    .encrypt(ring.sealingKey().transactionKey)

test('an unfinished sign-in comes back as it went, and nobody reads it on the way', async () => {
  const text = await seal()
  assert.deepEqual(await sealer.open(text), transaction)
  assert.deepEqual(decodeProtectedHeader(text), {
    alg: 'dir',
    enc: 'A256GCM',
    kid: ring.sealingKey().kid,
    typ: 'postern-txn+jwe',
  })
  assert.ok(!Buffer.from(text.split('.')[3] ?? '', 'base64url').includes('john'))
})

test('an unfinished sign-in is good for ten minutes', async () => {
  const own = fakeClock(clock())
  const sealer = createTransactionSealer(ring, own)
  const text = (await sealer.seal(transaction)) ?? ''
  own.advance(minutes(10) - 1)
  assert.deepEqual(await sealer.open(text), transaction)
  own.advance(1)
  assert.equal(await sealer.open(text), undefined)
})

test('DS-01 an unfinished sign-in of more than 8192 characters is neither made nor read', async () => {
  const sized = (length: number) => ({ ...transaction, values: { ticket: 'x'.repeat(length) } })
  const lengthOf = async (length: number) => (await sealer.seal(sized(length)))?.length
  let most = 5000
  while (most < 8192 && (await lengthOf(most + 1)) !== undefined) most += 1
  const longest = await seal(sized(most))
  assert.equal(longest.length, 8192)
  assert.deepEqual(await sealer.open(longest), sized(most))
  const until = clock() + minutes(5)
  const header = { alg: 'dir', enc: 'A256GCM', kid: ring.sealingKey().kid }
  assert.deepEqual(await sealer.open(await encrypt({ ...transaction, until }, header)), transaction)
  assert.equal(await sealer.open(await encrypt({ ...sized(8000), until }, header)), undefined)
})

test('TV-14 an unfinished sign-in under another algorithm, or under no key of ours, stays shut', async () => {
  const value = { ...transaction, until: clock() + minutes(5) }
  const { kid } = ring.sealingKey()
  for (const header of [
    { alg: 'dir', enc: 'A128CBC-HS256', kid },
    { alg: 'A256KW', enc: 'A256GCM', kid },
    { alg: 'A256GCMKW', enc: 'A256GCM', kid },
    { alg: 'dir', enc: 'A256GCM', kid: 'other' },
    { alg: 'dir', enc: 'A256GCM' },
  ]) {
    assert.equal(await sealer.open(await encrypt(value, header)), undefined, JSON.stringify(header))
  }
})

test('an unfinished sign-in that was changed stays shut, and no text makes it throw', async () => {
  const good = await seal()
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        fc.nat(good.length - 1).map((end) => good.slice(0, end)),
      ),
      async (text) => {
        assert.equal(await sealer.open(text), undefined)
      },
    ),
    { numRuns: 100 },
  )
})
