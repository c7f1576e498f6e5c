import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import Fastify from 'fastify'
import { importJWK, SignJWT } from 'jose'
import { request } from 'undici'
import { systemClock } from '../../src/base/clock.ts'
import { signatureAlgorithms } from '../../src/keys/algorithms.ts'
import { generateSigningKey } from '../../src/keys/generate.ts'
import type { Key, SigningKey } from '../../src/keys/key.ts'
import { codeBlocks, readText } from '../docs/markdown.ts'
import { missingProgram, shell } from '../docs/program.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { bearerToken, BrowserClient, send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { freshKeys, keyFrom } from '../support/keys.ts'
import { tokenTable, type Row } from './hostile-tokens.ts'
import { languages, startWhoami, type Whoami } from './languages.ts'

/* What docs/verifying.md says, held against the programs that it shows: one table, the same verdict from everybody. */

const audiences = {
  'at+jwt': 'https://api.example.com',
  'postern-assertion+jwt': 'https://whoami.example.com',
} as const
type Kind = keyof typeof audiences

let gateway: Gateway
let backend: Backend
let tables: Readonly<Record<Kind, readonly Row[]>>
const folder = mkdtempSync(join(tmpdir(), 'postern-whoami-'))

const signing = (keys: readonly Key[]): SigningKey => {
  const key = keys.find(({ kind }) => kind === 'signing')
  assert.ok(key?.kind === 'signing')
  return key
}

before(async () => {
  backend = await startBackend()
  // A verifier elsewhere has the real time.
  gateway = await startGateway({
    face: 'server',
    clock: Object.assign(() => systemClock(), { advance: () => undefined }),
    options: () => ({
      api: { audience: audiences['at+jwt'] },
      routes: [
        {
          path: '/asserted/',
          backend: backend.origin,
          credentials: 'assertion',
          audience: audiences['postern-assertion+jwt'],
        },
        { path: '/elsewhere/', backend: backend.origin, credentials: 'assertion' },
      ],
    }),
  })
  const asserted = async (path: string) => {
    await browser.send(path)
    return (backend.last().headers.authorization ?? '').replace('Bearer ', '')
  }
  const browser = new BrowserClient(gateway.origin)
  await browser.signIn()
  const access = await bearerToken(gateway.origin)
  const assertion = await asserted('/asserted/a')
  const session = browser.cookies.get('postern') ?? ''
  const material = { key: signing(gateway.keys), strangerKey: signing(await freshKeys(systemClock())) }
  tables = {
    'at+jwt': await tokenTable({
      ...material,
      good: access,
      others: { 'a session token': session, 'an assertion': assertion },
    }),
    'postern-assertion+jwt': await tokenTable({
      ...material,
      good: assertion,
      others: {
        'a session token': session,
        'an access token': access,
        'an assertion for another backend': await asserted('/elsewhere/a'),
      },
    }),
  }
  for (const language of languages) if (language.missing === false) language.build(folder)
})
after(async () => {
  await gateway.close()
  await backend.close()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(address: string, authorization: readonly string[]) {
  const headers = authorization.flatMap((line) => ['authorization', line])
  const answer = await request(address, { headers: ['accept', 'application/json', ...headers] })
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
}

test('the gateway itself gives these verdicts on access tokens', async () => {
  for (const { name, accepted, authorization } of tables['at+jwt']) {
    const { status } = await ask(`${gateway.origin}/protected`, authorization)
    // Two credentials of ours are a bad request there.
    assert.equal(status, accepted ? 200 : authorization.length > 1 ? 400 : 401, name)
  }
})

describe('the lines to try it', { skip: missingProgram('curl') }, () => {
  test('answer what the page shows', async (t) => {
    const [node] = languages
    assert.ok(node?.name === 'node')
    const settings = { POSTERN_ISSUER: gateway.origin, POSTERN_AUDIENCE: audiences['at+jwt'] }
    const whoami = await startWhoami(node, folder, settings)
    t.after(() => whoami.stop())
    const lines = codeBlocks(readText('docs/verifying.md')).find(({ heading }) => heading === 'Try it')?.text ?? ''
    const here = lines
      .replaceAll('http://localhost:8080', gateway.origin)
      .replaceAll('http://127.0.0.1:5001/whoami', whoami.address)
    assert.match(await shell(folder, here), /^\{"sub":"accounts\|1","claims":\{.*HTTP\/1\.1 401 /s)
  })
})

for (const language of languages) {
  const { name, missing } = language

  for (const typ of Object.keys(audiences) as Kind[]) {
    describe(`${name}, told by ${typ}`, { skip: missing }, () => {
      let whoami: Whoami
      before(async () => {
        const settings = { POSTERN_ISSUER: gateway.origin, POSTERN_AUDIENCE: audiences[typ], POSTERN_TYP: typ }
        whoami = await startWhoami(language, folder, settings)
      })
      after(() => whoami.stop())

      test('every row of the table', async (t) => {
        assert.ok(tables[typ].length > 60)
        for (const row of tables[typ]) {
          await t.test(`${row.accepted ? 'accepts' : 'refuses'} ${row.name}`, async () => {
            const { status, headers, text } = await ask(whoami.address, row.authorization)
            if (row.accepted) {
              assert.equal(status, 200, text)
              const { sub, claims } = JSON.parse(text) as { sub: string; claims: Record<string, unknown> }
              assert.deepEqual([sub, claims['sub'], claims['name']], ['accounts|1', 'accounts|1', 'John Doe'])
              assert.ok(!('upt' in claims))
              return
            }
            assert.equal(status, 401, text)
            assert.deepEqual(JSON.parse(text), { type: 'about:blank', title: 'Unauthorized', status: 401 })
            assert.equal(headers['content-type'], 'application/problem+json')
            const challenge = 'Bearer realm="whoami"'
            const named = row.authorization.length === 0 ? challenge : `${challenge}, error="invalid_token"`
            assert.equal(headers['www-authenticate'], named)
          })
        }
      })
    })
  }

  describe(`${name}, and the key set`, { skip: missing }, () => {
    const door = Fastify({ forceCloseConnections: true })
    const served = { status: 200, body: '', asked: 0 }
    let jwks: string
    before(async () => {
      door.get('/keys', (_request, reply) => {
        served.asked += 1
        return reply.code(served.status).type('application/json').send(served.body)
      })
      jwks = `${await door.listen({ host: '127.0.0.1', port: 0 })}/keys`
    })
    after(() => door.close())

    const serve = (status: number, ...keys: readonly SigningKey[]) =>
      Object.assign(served, {
        status,
        asked: 0,
        body: JSON.stringify({ keys: keys.map(({ publicJwk }) => publicJwk) }),
      })

    const started = async (pause: number) =>
      startWhoami(language, folder, {
        POSTERN_ISSUER: gateway.origin,
        POSTERN_AUDIENCE: audiences['at+jwt'],
        POSTERN_JWKS: jwks,
        POSTERN_JWKS_PAUSE: String(pause),
      })

    const bearer = async (key: SigningKey) => {
      const good = await bearerToken(gateway.origin)
      const claims = JSON.parse(Buffer.from(good.split('.')[1] ?? '', 'base64url').toString()) as Record<
        string,
        unknown
      >
      const header = { alg: key.alg, kid: key.kid, typ: 'at+jwt' }
      return [`Bearer ${await new SignJWT(claims).setProtectedHeader(header).sign(key.privateKey)}`]
    }

    test('KR-03 a new key is asked for when it is met, and a key that is gone is not believed', async (t) => {
      const [old, fresh] = [signing(gateway.keys), signing(await freshKeys(systemClock()))]
      serve(200, old)
      const whoami = await started(0)
      t.after(() => whoami.stop())
      assert.equal((await ask(whoami.address, await bearer(old))).status, 200)
      assert.equal((await ask(whoami.address, await bearer(fresh))).status, 401)
      serve(200, fresh)
      assert.equal((await ask(whoami.address, await bearer(fresh))).status, 200)
      assert.equal(served.asked, 1)
      assert.equal((await ask(whoami.address, await bearer(old))).status, 401)
    })

    test('strange keys make it ask no more than once in a pause', async (t) => {
      serve(200, signing(gateway.keys))
      const whoami = await started(600)
      t.after(() => whoami.stop())
      assert.equal((await ask(whoami.address, await bearer(signing(gateway.keys)))).status, 200)
      for (let count = 0; count < 10; count += 1) {
        const stranger = signing(await freshKeys(systemClock()))
        assert.equal((await ask(whoami.address, await bearer(stranger))).status, 401)
      }
      assert.equal(served.asked, 1)
    })

    test('LO-03 a sign-out is not heard of: a copied access token is good until its exp', async (t) => {
      serve(200, signing(gateway.keys))
      const whoami = await started(0)
      t.after(() => whoami.stop())
      const copied = { authorization: `Bearer ${await bearerToken(gateway.origin)}` }
      assert.equal((await send(`${gateway.origin}/_auth/logout`, 'POST', copied)).status, 204)
      assert.equal((await send(`${gateway.origin}/_auth/session`, 'GET', copied)).status, 401)
      assert.equal((await send(whoami.address, 'GET', copied)).status, 200)
    })

    test('a gateway that is down is not asked for every token', async (t) => {
      serve(503)
      const whoami = await started(600)
      t.after(() => whoami.stop())
      const line = await bearer(signing(gateway.keys))
      for (let count = 0; count < 20; count += 1) assert.equal((await ask(whoami.address, line)).status, 503)
      assert.ok(served.asked < 20)
    })

    for (const [what, status, body] of [
      ['down', 503, '{}'],
      ['talking nonsense', 200, '<html>'],
    ] as const) {
      test(`TV-21 while the gateway is ${what} the keys are kept, and strangers stay out`, async (t) => {
        const known = signing(gateway.keys)
        serve(200, known)
        const whoami = await started(0)
        t.after(() => whoami.stop())
        assert.equal((await ask(whoami.address, await bearer(known))).status, 200)
        Object.assign(served, { status, body, asked: 0 })
        const stranger = await bearer(signing(await freshKeys(systemClock())))
        assert.equal((await ask(whoami.address, stranger)).status, 401)
        assert.ok(served.asked > 0)
        assert.equal((await ask(whoami.address, await bearer(known))).status, 200)
      })
    }

    test('TV-21 where the gateway was never seen, nobody comes in, and it heals by itself', async (t) => {
      const known = signing(gateway.keys)
      serve(503, known)
      const whoami = await started(600)
      t.after(() => whoami.stop())
      const { status, headers } = await ask(whoami.address, await bearer(known))
      assert.deepEqual([status, headers['retry-after']], [503, '30'])
      serve(200, known)
      const line = await bearer(known)
      for (let tries = 0; tries < 100 && (await ask(whoami.address, line)).status === 503; tries += 1) await wait(100)
      assert.equal((await ask(whoami.address, line)).status, 200)
    })

    test('a key of every algorithm is good for its own', async (t) => {
      const algorithms = Object.keys(signatureAlgorithms) as (keyof typeof signatureAlgorithms)[]
      const keys = await Promise.all(algorithms.map(async (alg) => signing(await freshKeys(systemClock(), alg))))
      serve(200, ...keys)
      const whoami = await started(0)
      t.after(() => whoami.stop())
      for (const key of keys) assert.equal((await ask(whoami.address, await bearer(key))).status, 200, key.alg)
    })

    test('TV-02 a key is good for its own algorithm only, even where it could do another', async (t) => {
      const stored = await generateSigningKey('PS256', { activatesAt: systemClock() })
      const key = signing([await keyFrom(stored)])
      serve(200, key)
      const whoami = await started(0)
      t.after(() => whoami.stop())
      assert.equal((await ask(whoami.address, await bearer(key))).status, 200)
      const privateKey = await importJWK({ ...stored, alg: 'RS256' }, 'RS256')
      assert.ok(!(privateKey instanceof Uint8Array))
      assert.equal((await ask(whoami.address, await bearer({ ...key, alg: 'RS256', privateKey }))).status, 401)
    })
  })
}
