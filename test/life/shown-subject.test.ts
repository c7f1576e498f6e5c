import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MockAgent } from 'undici'
import { Secret } from '../../src/base/secret.ts'
import type { Session } from '../../src/life/authentication.ts'
import { createBackendCredentials } from '../../src/life/backend-credentials.ts'
import { fetchFromUpstream } from '../../src/life/token-source.ts'
import type { Minter } from '../../src/token/mint.ts'
import type { Sealer } from '../../src/token/seal.ts'
import type { Upstream } from '../../src/upstream/upstream.ts'

/* HTTP Basic is made of the token and of whose it is, so whoever shows the token names the person as the service does. */

const content = { token: new Secret('t'), refreshToken: undefined, expiresAt: undefined, values: {}, checkedAt: 0 }
const sealer: Sealer = { seal: async () => 'sealed', open: async () => content }
const session = {
  kind: 'session',
  claims: { sub: 'accounts|a|b', sid: 's', upn: 'accounts', upt: 'sealed' },
} as Session

function double() {
  const named: string[] = []
  const upstream = {
    origin: 'https://accounts.example.com',
    present(_grant: unknown, subject: string) {
      named.push(subject)
      return { Authorization: `Basic ${subject}` }
    },
  } as unknown as Upstream
  return { named, upstream }
}

test('a backend is shown the token with the subject at the service, without our prefix', async () => {
  const { named, upstream } = double()
  const credentials = createBackendCredentials({
    sealer,
    minter: {} as Minter,
    upstreams: new Map([['accounts', upstream]]),
    clock: Date.now,
  })
  assert.deepEqual(await credentials.upstream(session, 'sealed'), [['authorization', 'Basic a|b']])
  assert.deepEqual(named, ['a|b'])
})

test('a request of auth.fetch() has the token with the subject at the service, without our prefix', async () => {
  const { named, upstream } = double()
  const agent = new MockAgent()
  agent.disableNetConnect()
  agent
    .get(upstream.origin)
    .intercept({ path: '/api', headers: { authorization: 'Basic a|b' } })
    .reply(204)
  const { statusCode } = await fetchFromUpstream({ ...upstream, dispatcher: agent }, sealer, session, 'sealed', '/api')
  assert.equal(statusCode, 204)
  assert.deepEqual(named, ['a|b'])
  await agent.close()
})
