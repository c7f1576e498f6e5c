import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { assertErrorPage, assertProblem } from '../contract/refusal.ts'
import { BrowserClient, navigation, send } from '../support/browser-client.ts'
import { fakeClock, hours, minutes } from '../support/clock.ts'
import { startGateway, type Gateway, type GatewaySettings } from '../support/gateway.ts'

interface Visit {
  readonly gateway: Gateway
  readonly client: BrowserClient
  readonly clock: ReturnType<typeof fakeClock>
}

async function signedIn(t: TestContext, settings: GatewaySettings = {}): Promise<Visit> {
  const clock = fakeClock()
  const gateway = await startGateway({ face: 'server', clock, ...settings })
  t.after(() => gateway.close())
  const client = new BrowserClient(gateway.origin)
  await client.signIn()
  return { gateway, client, clock }
}

test('says who is signed in, where, and until when, and holds the way out and no token', async (t) => {
  const { client } = await signedIn(t)
  const page = await client.send('/_auth/me')
  assert.equal(page.status, 200)
  assert.equal(page.headers['cache-control'], 'no-store')
  for (const part of ['John Doe', 'accounts|1', 'in 8 hours', 'in 30 minutes', 'action="/_auth/logout"'])
    assert.ok(page.text.includes(part), part)
  assert.doesNotMatch(page.text, /eyJ/)
})

test('looking does not count as use', async (t) => {
  const { client, clock } = await signedIn(t)
  for (let looks = 0; looks < 4; looks += 1) {
    clock.advance(minutes(6))
    assert.equal((await client.send('/_auth/me')).status, 200)
  }
  assert.ok((await client.send('/_auth/me')).text.includes('in 6 minutes'))
  clock.advance(minutes(7))
  assert.equal((await client.send('/_auth/me')).status, 303)
})

test('whoever is not signed in is sent to sign in; a program is told so', async (t) => {
  const { gateway, client, clock } = await signedIn(t)
  clock.advance(hours(9))
  for (const answer of [await client.send('/_auth/me'), await send(`${gateway.origin}/_auth/me`, 'GET', navigation)]) {
    assert.equal(answer.status, 303)
    assert.equal(answer.headers['location'], '/_auth/login')
  }
  assertProblem(gateway, await send(`${gateway.origin}/_auth/me`), { code: 'unauthenticated' })
})

test('after signing out nobody is shown', async (t) => {
  const { client } = await signedIn(t)
  await client.signOut()
  assert.equal((await client.send('/_auth/me')).status, 303)
})

test('pages come in the language that is asked for, refusals too; what programs are told stays English', async (t) => {
  const { gateway, client } = await signedIn(t)
  const german = { ...navigation, 'accept-language': 'de-DE,de;q=0.9,en;q=0.5' }
  const missing = await send(`${gateway.origin}/_auth/nothing`, 'GET', german)
  assertErrorPage(gateway, missing, { code: 'not_found' })
  assert.match(missing.text, /<html lang="de">/)
  assert.match(missing.text, /Seite nicht gefunden/)
  assert.equal(missing.headers['content-language'], 'de')
  assert.equal(missing.headers['vary'], 'Accept-Language')
  const elsewhere = await send(`${gateway.origin}/nothing/here`, 'GET', { ...german, 'accept-language': 'es' })
  assert.match(elsewhere.text, /Página no encontrada/)
  const page = await client.send('/_auth/me', 'GET', german)
  assert.match(page.text, /in 8 Stunden/)

  const problem = await send(`${gateway.origin}/_auth/nothing`, 'GET', { 'accept-language': 'de' })
  assertProblem(gateway, problem, { code: 'not_found' })
  assert.equal(problem.headers['content-language'], undefined)
})

test('nothing of the header comes back', async (t) => {
  const { gateway } = await signedIn(t)
  const hostile = { ...navigation, 'accept-language': 'de-canary7b,<script>canary7b</script>;q=0.9' }
  const { text, headers } = await send(`${gateway.origin}/_auth/login`, 'GET', hostile)
  assert.doesNotMatch(text + JSON.stringify(headers), /canary7b/)
  assert.equal(headers['content-language'], 'de')
})

test('a page weighs less than 16 kB', async (t) => {
  const { gateway } = await signedIn(t)
  const { text } = await send(`${gateway.origin}/_auth/login`, 'GET', navigation)
  assert.ok(Buffer.byteLength(text) < 16_384, String(Buffer.byteLength(text)))
})
