import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { navigation, send, type Answer } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'

/** Every sort of answer of ours, by what brings it. */
const answers: Readonly<Record<string, (origin: string) => Promise<Answer>>> = {
  'the sign-in page': (origin) => send(`${origin}/_auth/login`, 'GET', navigation),
  'the sign-out page': (origin) => send(`${origin}/_auth/logout`, 'GET', navigation),
  'an error page': (origin) => send(`${origin}/_auth/none`, 'GET', navigation),
  'a page of the site that is not there': (origin) => send(`${origin}/none/at/all`, 'GET', navigation),
  'a redirect to sign-in': (origin) => send(`${origin}/protected`, 'GET', navigation),
  'a redirect after signing out': (origin) =>
    send(`${origin}/_auth/logout`, 'POST', { ...navigation, 'sec-fetch-site': 'same-origin' }),
  'a problem': (origin) => send(`${origin}/protected`),
  'a problem of an endpoint': (origin) => send(`${origin}/_auth/session`),
  'an answer with a token': (origin) => signIn(origin),
  'an answer without a body': (origin) => send(`${origin}/_auth/logout`, 'POST'),
  'a method that is not served': (origin) => send(`${origin}/_auth/session`, 'DELETE'),
  'a refusal of OAuth': (origin) => send(`${origin}/_auth/token`, 'POST', form, 'grant_type=password'),
  'the key set': (origin) => send(`${origin}/.well-known/jwks.json`),
  'the metadata': (origin) => send(`${origin}/.well-known/oauth-authorization-server`),
  'the script': (origin) => send(`${origin}/_auth/client.js`),
  'the description': (origin) => send(`${origin}/_auth/openapi.json`),
  'a path with two meanings': (origin) => send(`${origin}/a%2fb`),
}

const form = { 'content-type': 'application/x-www-form-urlencoded' }

function signIn(origin: string): Promise<Answer> {
  const body = JSON.stringify({ username: 'john', password: 'password123' })
  return send(`${origin}/_auth/login`, 'POST', { 'content-type': 'application/json' }, body)
}

async function gateway(publicUrl?: string, backend?: string): Promise<Gateway> {
  return startGateway({
    face: 'server',
    ...(publicUrl === undefined ? {} : { publicUrl }),
    options: () => ({
      exchange: { accounts: { by: 'check' } },
      clients: { app: { public: true } },
      routes: backend === undefined ? [] : [{ path: '/behind/', access: 'public', backend }],
    }),
  })
}

describe('over https', () => {
  const backend = createServer((request, response) => {
    if (request.url === '/behind/own')
      response.setHeader('Strict-Transport-Security', 'max-age=63072000; includeSubDomains')
    response.end('good')
  })
  let secure: Gateway

  before(async () => {
    await new Promise<void>((done) => backend.listen(0, '127.0.0.1', done))
    secure = await gateway('https://app.example.com', `http://127.0.0.1:${(backend.address() as AddressInfo).port}`)
  })
  after(async () => {
    await secure.close()
    backend.close()
  })

  for (const [what, ask] of Object.entries(answers)) {
    test(`CS-08 ${what} has HSTS, is read as what it says it is, runs nothing of others, and stands in no frame`, async () => {
      const { headers } = await ask(secure.origin)
      assert.equal(headers['strict-transport-security'], 'max-age=31536000')
      assert.equal(headers['x-content-type-options'], 'nosniff')
      const policy = String(headers['content-security-policy'])
      for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"])
        assert.ok(policy.split('; ').includes(part), `${part} in ${policy}`)
    })
  }

  test('CS-08 what a backend answers has HSTS once: its own, or ours where it has none', async () => {
    const hsts = async (path: string) => (await send(`${secure.origin}${path}`)).headers['strict-transport-security']
    assert.equal(await hsts('/behind/own'), 'max-age=63072000; includeSubDomains')
    assert.equal(await hsts('/behind/none'), 'max-age=31536000')
    // What an app is shown as, and where it may be framed, is for the app to say.
    assert.equal((await send(`${secure.origin}/behind/none`)).headers['content-security-policy'], undefined)
  })
})

test('CS-08 over http no answer has HSTS, and the rest of it all the same', async (t) => {
  const plain = await gateway()
  t.after(() => plain.close())
  for (const [what, ask] of Object.entries(answers)) {
    const { headers } = await ask(plain.origin)
    assert.deepEqual(
      [headers['strict-transport-security'], headers['x-content-type-options']],
      [undefined, 'nosniff'],
      what,
    )
  }
})
