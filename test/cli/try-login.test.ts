import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { stringify } from 'yaml'
import { refreshing, type UpstreamOptions } from '../life/timeline.ts'
import { serviceOptions, startService, type Service } from '../support/service.ts'
import { postern, temporaryFolder, type Ran } from './session.ts'

let service: Service
let folder: string
before(async () => {
  service = await startService()
  folder = temporaryFolder()
})
after(async () => {
  rmSync(folder, { recursive: true, force: true })
  await service.close()
})
beforeEach(() => service.reset())

const typed = 'username=john\npassword=password123\n'

/** The command against the real service, described so. */
async function tried(
  args: readonly string[] = [],
  upstream: (usual: UpstreamOptions) => UpstreamOptions = (usual) => usual,
  input = typed,
): Promise<Ran> {
  const options = {
    publicUrl: 'http://localhost:8080',
    upstreams: { accounts: upstream(serviceOptions(service.origin)) },
  }
  writeFileSync(join(folder, 'postern.yaml'), stringify(options))
  const ran = await postern(folder, ['try-login', ...args], {}, input)
  assert.ok(!`${ran.stdout}${ran.stderr}`.includes('password123'))
  for (const secret of [...service.issued, ...service.refreshTokens.keys()])
    assert.ok(!`${ran.stdout}${ran.stderr}`.includes(secret), 'a secret is shown')
  return ran
}

const mayRefresh = (usual: UpstreamOptions) => refreshing(usual)

test('every call, condition and value is shown as it goes, secrets masked', async () => {
  const { code, stdout, stderr } = await tried(['accounts'])
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /login: POST \/api\/login → 200 in \d+ ms/)
  assert.match(stdout, /token at .*authentication_token: found \S+/)
  assert.match(stdout, /subject at json \/user\/id: found/)
  assert.match(stdout, /claim name at json \/user\/name: found \(8 characters\)/)
  assert.match(stdout, /signed in as accounts\|1; the token does not say when it ends; no refresh token/)
  assert.match(stdout, /check: GET \/api\/me → 200/)
  assert.match(stdout, /the check call says that the token is good/)
})

test('an end that no place is configured for is not looked for', async () => {
  const { code, stdout } = await tried(['accounts'], (usual) => {
    const { expiry: _, ...login } = usual.login
    return { ...usual, login }
  })
  assert.equal(code, 0)
  assert.match(stdout, /^ {2}expiry: not configured$/m)
})

test('a wrong password says so, and what to look at', async () => {
  const { code, stdout } = await tried(['accounts'], undefined, 'username=john\npassword=wrong\n')
  assert.equal(code, 1)
  assert.match(stdout, /not signed in: bad_credentials/)
  assert.match(stdout, /next: If the password is right/)
})

test('a place that is wrong says which, and that nothing is there', async () => {
  const { code, stdout } = await tried(['accounts'], ({ login, ...usual }) => ({
    ...usual,
    login: { ...login, token: { json: '/user/token' } },
  }))
  assert.equal(code, 1)
  assert.match(stdout, /token at .*\/user\/token: not found/)
  assert.match(stdout, /next: The answer is not what the configuration says/)
})

test('a service that is down is not taken for a wrong password', async () => {
  service.mode = 'down'
  const { code, stdout } = await tried(['accounts'])
  assert.equal(code, 1)
  assert.match(stdout, /not signed in: upstream_unavailable/)
})

test('a check call that refuses what was just given is a fault', async () => {
  const { code, stdout } = await tried(['accounts'], (usual) => ({ ...usual, present: { scheme: 'Token' } }))
  assert.equal(code, 1)
  assert.match(stdout, /the check call refuses a token that was just given/)
})

test('the refresh call is tried, and its values shown', async () => {
  service.refreshes = true
  const { code, stdout } = await tried(['accounts'], mayRefresh)
  assert.equal(code, 0)
  assert.match(stdout, /refresh: POST \/api\/refresh → 200/)
  assert.match(stdout, /the refresh call gives a new token/)
  assert.equal(service.calls.refresh, 1)
})

test('a refresh call that does not do it is a fault', async () => {
  service.refreshes = true
  const { code, stdout } = await tried(['accounts'], (usual) => ({
    ...refreshing(usual),
    refresh: { request: { path: '/api/refresh', json: { wrong: '{refreshToken}' } } },
  }))
  assert.equal(code, 1)
  assert.match(stdout, /the refresh call refuses what was just given/)
})

test('--logout proves that the token has ended', async () => {
  const { code, stdout } = await tried(['accounts', '--logout'])
  assert.equal(code, 0)
  assert.match(stdout, /after logout the token is refused: it has ended\nnext: set logout\.endsToken: true\n$/)
})

test('--logout finds a token that outlives it', async () => {
  const { code, stdout } = await tried(['accounts', '--logout'], (usual) => ({
    ...usual,
    logout: { request: { method: 'GET', path: '/api/me' } },
  }))
  assert.equal(code, 1)
  assert.match(stdout, /after logout the token STILL WORKS/)
  assert.match(stdout, /next: set logout\.endsToken: false\n$/)
})

test('--logout finds a refresh token that outlives it', async () => {
  service.refreshes = true
  const { code, stdout } = await tried(['accounts', '--logout'], mayRefresh)
  assert.equal(code, 1)
  assert.match(stdout, /after logout the token is refused: it has ended\n/)
  assert.match(stdout, /after logout the refresh token STILL WORKS\n/)
  assert.match(stdout, /a copied cookie can be renewed with the refresh token until the absolute end/)
  assert.match(stdout, /next: set logout\.endsToken: false\n$/)
})

test('what is not there, and what is not typed, is bad usage', async () => {
  const unknown = await tried(['members'])
  assert.deepEqual([unknown.code, unknown.stdout], [2, ''])
  assert.match(unknown.stderr, /There is no upstream "members"\. There is: accounts/)
  const missing = await tried(['accounts'], undefined, 'username=john\n')
  assert.equal(missing.code, 2)
  assert.match(missing.stderr, /Give these on stdin, a line each: password=…/)
  assert.equal((await tried([])).code, 2)
})
