import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answering } from './support/answering.ts'
import { only, someGrant } from './support/upstream.ts'

test('a logout is done when the token has ended, now or before', async () => {
  for (const status of [200, 202, 204, 400, 401, 403, 404]) {
    const { upstream } = await answering({ status })
    assert.deepEqual(await upstream.end(someGrant(), 's-1'), { kind: 'ended', status })
  }
})

test('any other answer to a logout is a failure that names the status', async () => {
  for (const [status, as] of [
    [302, 'upstream_bad'],
    [409, 'upstream_bad'],
    [429, 'upstream_unavailable'],
    [500, 'upstream_unavailable'],
  ] as const) {
    const { upstream } = await answering({ status, body: 'canary' })
    const outcome = only(await upstream.end(someGrant(), 's-1'), 'failed')
    assert.equal(outcome.as, as)
    assert.match(outcome.detail, new RegExp(String(status)))
    assert.ok(!outcome.detail.includes('canary'))
  }
})

test('a logout that hangs is given up', async () => {
  const { upstream } = await answering(() => undefined, { timeout: '200ms' })
  assert.equal(only(await upstream.end(someGrant(), 's-1'), 'failed').as, 'upstream_slow')
})

test('calls that are not configured are outcomes too', async () => {
  const { upstream, service } = await answering({})
  const bare = { ...upstream }
  assert.ok(bare.canCheck && bare.canRefresh && bare.canEnd)
  const { createLoginUpstream } = await import('../../src/upstream/login-upstream.ts')
  const { parsedUpstream, plainOptions } = await import('./support/upstream.ts')
  const { check: _check, refresh: _refresh, logout: _logout, ...rest } = plainOptions(service.origin)
  const without = createLoginUpstream(parsedUpstream(rest), { clock: Date.now })
  assert.deepEqual([without.canCheck, without.canRefresh, without.canEnd], [false, false, false])
  only(await without.check(someGrant(), 's-1'), 'failed')
  only(await without.refresh(someGrant(), 's-1'), 'failed')
  only(await without.end(someGrant(), 's-1'), 'failed')
  await without.close()
})
