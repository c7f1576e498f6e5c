import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics, exposition } from '../../src/observe/metrics.ts'
import { bearerToken, BrowserClient, sameOriginFetch, send } from '../support/browser-client.ts'
import { hours, minutes } from '../support/clock.ts'
import { freePort, startGateway } from '../support/gateway.ts'

test('the metrics tell which key is in use, by how many tokens, and how old it is', async (t) => {
  const adminPort = await freePort()
  const gateway = await startGateway({
    face: 'server',
    options: (origin) => ({ listen: { host: '127.0.0.1', port: Number(new URL(origin).port), adminPort } }),
  })
  t.after(() => gateway.close())
  const browser = new BrowserClient(gateway.origin)
  await browser.signIn()
  const authorization = `Bearer ${await bearerToken(gateway.origin)}`
  gateway.clock.advance(minutes(1))
  for (let count = 0; count < 3; count += 1) {
    assert.equal((await browser.send('/protected', 'GET', sameOriginFetch)).status, 200)
    assert.equal((await send(`${gateway.origin}/protected`, 'GET', { authorization })).status, 200)
  }
  assert.equal((await browser.send('/things', 'GET', sameOriginFetch)).status, 200)
  assert.equal((await send(`${gateway.origin}/protected`, 'GET', { authorization: `${authorization}x` })).status, 401)

  const answer = await send(`http://127.0.0.1:${adminPort}/metrics`)
  assert.equal(answer.status, 200)
  assert.match(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4/)
  const [signing, sealing] = gateway.keys.map(({ kid }) => kid)
  const lines = answer.text.split('\n')
  const has = (line: string) => assert.ok(lines.includes(line), `${line}\n${answer.text}`)
  // Seven that were good; the altered one is none.
  has(`postern_verifications_total{kid="${signing}"} 7`)
  has(`postern_openings_total{kid="${sealing}"} 1`)
  has(`postern_refusals_total{reason="bad_signature"} 1`)
  has(`postern_key_age_seconds{kid="${signing}",family="signing",role="current"} 60`)
  has(`postern_key_age_seconds{kid="${sealing}",family="sealing",role="current"} 60`)
  has(
    `postern_key_last_used_timestamp_seconds{kid="${signing}",family="signing",role="current"} ${gateway.clock() / 1000}`,
  )
  has('postern_key_folder_faults 0')
  // Asked again, nothing is counted twice.
  assert.equal((await send(`http://127.0.0.1:${adminPort}/metrics`)).text, answer.text)
  assert.equal((await send(`${gateway.origin}/metrics`)).status, 404)
})

test('the numbers of several processes are added up, and of ages the highest counts', async () => {
  const one = createMetrics(() => ({ roles: () => [], faults: () => 0, now: () => hours(1) }))
  const other = createMetrics(() => ({ roles: () => [], faults: () => 2, now: () => hours(1) }))
  one.sink({ type: 'refused', reason: 'missing' })
  other.sink({ type: 'refused', reason: 'missing' })
  other.sink({ type: 'refused', reason: 'expired' })
  // As it goes from one process to another.
  const sent = JSON.parse(JSON.stringify([await one.snapshot(), await other.snapshot()])) as Parameters<
    typeof exposition
  >[0]
  const { text } = await exposition(sent)
  assert.match(text, /^postern_refusals_total\{reason="missing"\} 2$/m)
  assert.match(text, /^postern_refusals_total\{reason="expired"\} 1$/m)
  assert.match(text, /^postern_key_folder_faults 2$/m)
})
