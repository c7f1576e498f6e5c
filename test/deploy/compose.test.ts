import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse as parseYaml } from 'yaml'
import { postern, temporaryFolder } from '../cli/session.ts'
import { start } from '../docs/program.ts'
import { readText, root } from '../docs/markdown.ts'
import { freePort } from '../support/gateway.ts'

interface Service {
  readonly image: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly ports?: readonly string[]
}

const compose = parseYaml(readText('deploy/compose/compose.yaml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>
}

test('CF-04 every service of the compose file is closed, and only the gateway has a port, on this machine', () => {
  for (const [name, service] of Object.entries(compose.services)) {
    assert.equal(service.read_only, true, name)
    assert.deepEqual(service.cap_drop, ['ALL'], name)
    assert.match(service.image, /:[0-9]/, name)
    assert.deepEqual(service.ports, name === 'gateway' ? ['127.0.0.1:8080:8080'] : undefined)
  }
})

test('the image of the compose file is of this version', () => {
  const { version } = JSON.parse(readText('package.json')) as { version: string }
  assert.equal(compose.services['gateway']?.image, `postern:${version}`)
  assert.equal(compose.services['keys']?.image, `postern:${version}`)
})

test('the sample of the compose file signs in, is told who asks, and signs out', async (t) => {
  const folder = temporaryFolder()
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'keys'), { mode: 0o700 })
  writeFileSync(join(folder, 'postern.yaml'), readText('deploy/compose/postern.yaml'))
  writeFileSync(join(folder, 'password'), 'none\n')
  const made = await postern(folder, ['keys', 'generate', '--dir', 'keys'])
  assert.equal(made.code, 0)

  const backend = `http://127.0.0.1:${await freePort()}`
  const program = join(root, 'deploy/compose/backend.mjs')
  const sample = await start(folder, [program], backend, { PORT: new URL(backend).port })
  t.after(() => sample.stop())
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const gateway = await start(
    folder,
    [join(root, 'src/cli/main.ts'), 'serve'],
    origin,
    {
      POSTERN_PUBLIC_URL: origin,
      POSTERN_LISTEN__HOST: '127.0.0.1',
      POSTERN_LISTEN__PORT: String(port),
      POSTERN_LISTEN__ADMIN_PORT: String(await freePort()),
      POSTERN_UPSTREAMS__ACCOUNTS__ORIGIN: backend,
      POSTERN_ROUTES__0__BACKEND: backend,
      POSTERN_ROUTES__1__BACKEND: backend,
      // Nothing listens there: the gateway serves all the same.
      POSTERN_FACTS__REDIS__URL: 'redis://127.0.0.1:1',
      POSTERN_FACTS__REDIS__PASSWORD_FILE: 'password',
    },
    { quiet: true },
  )
  t.after(() => gateway.stop())

  const told = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${origin}${path}`, { headers })
    return { status: response.status, user: ((await response.json()) as { user?: unknown }).user }
  }
  assert.deepEqual(await told('/public/'), { status: 200, user: null })
  assert.equal((await told('/')).status, 401)
  const login = (password: string) =>
    fetch(`${origin}/_auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'ada', password }),
    })
  assert.equal((await login('wrong')).status, 401)
  const { access_token: token } = (await (await login('password123')).json()) as { access_token: string }
  const headers = { authorization: `Bearer ${token}` }
  assert.deepEqual(await told('/', headers), { status: 200, user: 'accounts|2' })
  assert.equal((await fetch(`${origin}/_auth/logout`, { method: 'POST', headers })).status, 204)
  assert.equal((await told('/', headers)).status, 401)
})
