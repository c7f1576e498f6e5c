import assert from 'node:assert/strict'
import fs, { mkdtemp, rm } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import Fastify from 'fastify'
import { CompactEncrypt, decodeProtectedHeader } from 'jose'
import { Secret } from '../../src/base/secret.ts'
import { writeKeyFile } from '../../src/keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import { createPostern } from '../../src/plugin.ts'
import { createSealer } from '../../src/token/seal.ts'
import { createTransactionSealer } from '../../src/token/transaction.ts'
import { BrowserClient, bearerToken, formPost, send } from '../support/browser-client.ts'
import { fakeClock, hours, minutes } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { freshKeys } from '../support/keys.ts'
import { serviceOptions, startService } from '../support/service.ts'

const payloadOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
const sealedOf = (token: string) => String(payloadOf(token)['upt'])
const kidOf = (token: string) => String(decodeProtectedHeader(token)['kid'])

const content = {
  token: new Secret('opaque'),
  refreshToken: undefined,
  expiresAt: undefined,
  values: {},
  checkedAt: 0,
}

test('KR-01 what one key made is nothing to another: signing, sealing of tokens, and sealing of unfinished sign-ins', async () => {
  const clock = fakeClock()
  const keys = await freshKeys(clock())
  const ring = createKeyRing(keys, minutes(31), clock)
  const sealer = createSealer(ring, clock)
  const transactions = createTransactionSealer(ring, clock)
  const [signing, sealing] = [ring.signingKey(), ring.sealingKey()]

  const { upstreamTokenKey, transactionKey, deviceKey, challengeKey, proofNonceKey } = sealing
  const derived = [upstreamTokenKey, transactionKey, deviceKey, challengeKey, proofNonceKey]
  assert.equal(new Set(derived.map((one) => Buffer.from(one).toString('hex'))).size, derived.length)
  assert.notEqual(signing.kid, sealing.kid)
  assert.deepEqual([ring.openingKey(signing.kid), ring.verifyingKey(sealing.kid)], [undefined, undefined])
  assert.deepEqual(ring.published(), [signing])

  const transaction = { upstream: 'accounts', values: {}, account: 'john', browser: undefined }
  assert.ok(await transactions.open((await transactions.seal(transaction)) ?? ''))
  assert.equal(await transactions.open(await sealer.seal(content, 'sid-1')), undefined)
  assert.equal(await sealer.open((await transactions.seal(transaction)) ?? '', 'sid-1'), undefined)
})

test('KR-01 no public bytes seal an unfinished sign-in: the JWKS, its members, and what stands in a token are no keys', async (t) => {
  const gateway = await startGateway()
  t.after(() => gateway.close())
  const answer = await send(`${gateway.origin}/.well-known/jwks.json`)
  const published = answer.json()['keys'] as readonly Readonly<Record<string, string>>[]
  assert.deepEqual(
    published.map(({ use }) => use),
    ['sig'],
  )
  const sealing = gateway.keys.find(({ kind }) => kind === 'sealing')
  assert.ok(sealing?.kind === 'sealing')
  const known = [answer.text, ...published.flatMap((key) => Object.values(key)), await bearerToken(gateway.origin)]
  const plaintext = JSON.stringify({ upstream: 'accounts', values: {}, account: 'ada', until: gateway.clock() + 1000 })
  const header = { alg: 'dir', enc: 'A256GCM', kid: sealing.kid, typ: 'postern-txn+jwe' }
  const forge = (key: Uint8Array) => new CompactEncrypt(Buffer.from(plaintext)).setProtectedHeader(header).encrypt(key)
  const attempt = async (transaction: string) =>
    send(
      `${gateway.origin}/_auth/login`,
      'POST',
      { 'content-type': 'application/json' },
      JSON.stringify({ transaction, username: 'ada', password: 'x' }),
    )
  for (const bytes of known) {
    const decoded = Buffer.from(bytes, 'base64url')
    const raw = Buffer.from(bytes)
    for (const key of [decoded, raw].map((all) => Buffer.concat([all, Buffer.alloc(32)]).subarray(0, 32))) {
      assert.equal((await attempt(await forge(key))).json()['code'], 'bad_transaction')
    }
  }
  // The same with the right key is taken for what it is, so that the refusals above say something.
  assert.notEqual((await attempt(await forge(sealing.transactionKey))).json()['code'], 'bad_transaction')
})

test('KR-08 after the sealing key changed a cookie from before still opens, and nothing new is sealed under the old one', async (t) => {
  const clock = fakeClock()
  const old = await freshKeys(clock() - hours(24))
  const next = await freshKeys(clock() + minutes(3))
  const gateway = await startGateway({ clock, keys: [...old, ...next] })
  t.after(() => gateway.close())
  const [oldKid, nextKid] = [old, next].map((keys) => keys.find(({ kind }) => kind === 'sealing')?.kid)
  const client = new BrowserClient(gateway.origin)
  await client.signIn()
  const before = client.cookies.get('postern') ?? ''
  assert.equal(kidOf(sealedOf(before)), oldKid)

  clock.advance(minutes(3) + 1)
  assert.equal((await client.send('/things')).json()['for'], 'john')
  assert.equal(client.cookies.get('postern'), before)
  assert.equal(kidOf(sealedOf(await bearerToken(gateway.origin))), nextKid)

  // The last moment at which this cookie can earn anything: nothing renewed it, and the idle limit is near.
  clock.advance(minutes(26))
  assert.equal((await client.send('/things')).json()['for'], 'john')
  const renewed = client.cookies.get('postern') ?? ''
  assert.notEqual(renewed, before)
  assert.equal(kidOf(sealedOf(renewed)), nextKid)
  assert.equal(kidOf(renewed), next.find(({ kind }) => kind === 'signing')?.kid)
})

test('KR-08 an unfinished sign-in outlives the change of the key it was sealed under', async () => {
  const clock = fakeClock()
  const old = await freshKeys(clock() - hours(1))
  const next = await freshKeys(clock() + 1000)
  const ring = createKeyRing([...old, ...next], minutes(11), clock)
  const transactions = createTransactionSealer(ring, clock)
  const sealed = await transactions.seal({ upstream: 'accounts', values: {}, account: 'john', browser: undefined })
  assert.ok(sealed !== undefined)
  clock.advance(minutes(10) - 1)
  assert.ok(await transactions.open(sealed))
  const after = await transactions.seal({ upstream: 'accounts', values: {}, account: 'john', browser: undefined })
  assert.ok(after !== undefined)
  assert.notEqual(kidOf(after), kidOf(sealed))
})

async function fromFolder(t: TestContext): Promise<Pick<Gateway, 'origin'> & { readonly dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'postern-keys-'))
  const activatesAt = Date.now() - hours(1)
  await writeKeyFile(dir, await generateSigningKey('ES256', { activatesAt }))
  await writeKeyFile(dir, generateSealingKey({ activatesAt }))
  const service = await startService()
  const postern = createPostern({
    publicUrl: 'http://localhost:8080',
    upstreams: { accounts: serviceOptions(service.origin) },
    keys: { dir },
  })
  const app = Fastify({ forceCloseConnections: true })
  await app.register(postern.plugin)
  t.after(async () => {
    await app.close()
    await service.close()
    await rm(dir, { recursive: true, force: true })
  })
  return { dir, origin: await app.listen({ host: '127.0.0.1', port: 0 }) }
}

test('DS-08 a storm on the JWKS is answered from memory: one body, one ETag, 304 to who has it', async (t) => {
  const { origin } = await fromFolder(t)
  const first = await send(`${origin}/.well-known/jwks.json`)
  const etag = String(first.headers['etag'])
  const ask = (headers: Readonly<Record<string, string>>) => send(`${origin}/.well-known/jwks.json`, 'GET', headers)
  // The folder is looked at now and then, whoever asks.
  const opened = (['open', 'readFile', 'readdir', 'stat'] as const).map((name) => t.mock.method(fs, name))
  syncBuiltinESMExports()
  t.after(() => {
    for (const one of opened) one.mock.restore()
    syncBuiltinESMExports()
  })
  const all = await Promise.all(
    Array.from({ length: 300 }, (_, index) => ask(index % 2 === 0 ? {} : { 'if-none-match': etag })),
  )
  for (const [index, { status, text, headers }] of all.entries()) {
    assert.deepEqual([status, text, headers['etag']], index % 2 === 0 ? [200, first.text, etag] : [304, '', etag])
  }
  const looks = opened.reduce((sum, one) => sum + one.mock.callCount(), 0)
  assert.ok(looks < 100, `${looks} looks at files for 300 requests`)
})

test('DS-08 a storm of sign-ins on one account asks the service no more often than the limit says', async (t) => {
  const gateway = await startGateway()
  t.after(() => gateway.close())
  const body = new URLSearchParams({ username: 'john', password: 'not the password' }).toString()
  const headers = { ...formPost, origin: gateway.origin }
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => send(`${gateway.origin}/_auth/login`, 'POST', headers, body)),
  )
  const count = (wanted: number) => answers.filter(({ status }) => status === wanted).length
  assert.deepEqual([count(401), count(429)], [5, 95])
  assert.equal(gateway.service.calls.login, 5)
})
