import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestOrigin } from '../../src/route/origin.ts'

const ours = 'https://app.example.com'

test('CS-01 Fetch Metadata says where a request comes from, and only our own origin or the person is trusted', () => {
  for (const site of ['same-origin', 'none'])
    assert.equal(requestOrigin({ 'sec-fetch-site': site, origin: 'https://evil.example' }, ours), 'same', site)
  for (const site of ['same-site', 'cross-site', '', 'Same-Origin'])
    assert.equal(requestOrigin({ 'sec-fetch-site': site, origin: ours }, ours), 'cross', site)
})

test('CS-01 without it `Origin` does, to the letter', () => {
  assert.equal(requestOrigin({ origin: ours }, ours), 'same')
  for (const origin of ['null', '', `${ours}/`, `${ours}:443`, 'http://app.example.com', `${ours}.evil.example`])
    assert.equal(requestOrigin({ origin }, ours), 'cross', origin)
})

test('CS-01 a client that says neither is no browser', () => {
  assert.equal(requestOrigin({ referer: ours }, ours), 'unknown')
})
