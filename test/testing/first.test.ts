import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestKit, upstreamOptions } from '../../src/testing.ts'

test('a kit mints before there is any app in the process', async () => {
  const upstreams = { accounts: upstreamOptions('http://localhost:1') }
  const kit = await createTestKit({ publicUrl: 'http://localhost:8080', upstreams })
  assert.match((await kit.mintSession()).headers()['cookie'] ?? '', /^postern=ey/)
})
