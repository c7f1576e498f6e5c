import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fallback } from '../../src/cli/keys/settings.ts'
import { parseOptions } from '../../src/config/load.ts'
import { loadKeyFolder, writeKeyFile } from '../../src/keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'
import { familyRoles } from '../../src/keys/ring.ts'
import { fakeClock, hours, minutes } from '../support/clock.ts'
import { send } from '../support/browser-client.ts'
import { startGateway } from '../support/gateway.ts'
import { serviceOptions } from '../support/service.ts'
import { postern, temporaryFolder } from './session.ts'

function folder(t: TestContext): string {
  const dir = temporaryFolder()
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Pairs of keys in use from so many milliseconds ago on. Returns their ids, signing and sealing, in that order. */
async function aged(dir: string, ...ages: readonly number[]): Promise<readonly (readonly string[])[]> {
  const pairs = []
  for (const age of ages) {
    const activatesAt = Date.now() - age
    const pair = [await generateSigningKey('ES256', { activatesAt }), generateSealingKey({ activatesAt })]
    for (const jwk of pair) await writeKeyFile(join(dir, 'keys'), jwk)
    pairs.push(pair.map(({ kid }) => kid))
  }
  return pairs
}

const configuration = (session: object) =>
  JSON.stringify({
    publicUrl: 'https://app.example.com',
    session,
    upstreams: { accounts: serviceOptions('https://accounts.example.com') },
  })

interface Listed {
  readonly keys: readonly Readonly<Record<string, string | number>>[]
}

test('KR-08 keys list tells how long a retired key is good, and from when it may go', async (t) => {
  const dir = folder(t)
  const [old, retired, current, next] = await aged(dir, hours(20), hours(10), minutes(20), -minutes(10))
  writeFileSync(join(dir, 'postern.yaml'), configuration({ idleTimeout: '1h', absoluteTimeout: '12h' }))
  const { keys } = JSON.parse((await postern(dir, ['keys', 'list', '--json'])).stdout) as Listed
  const signing = keys.filter(({ family }) => family === 'signing')
  assert.deepEqual(
    signing.map(({ kid, role }) => [kid, role]),
    [
      [old?.[0], 'expired'],
      [retired?.[0], 'retired'],
      [current?.[0], 'current'],
      [next?.[0], 'next'],
    ],
  )
  const from = (index: number) => Date.parse(String(signing[index]?.['activatesAt']))
  assert.equal(Date.parse(String(signing[1]?.['goodUntil'])), from(2) + minutes(61))
  assert.equal(Date.parse(String(signing[1]?.['mayGoAt'])), from(2) + hours(12) + minutes(1))
  assert.equal(signing[2]?.['mayGoAt'], undefined)
  assert.match((await postern(dir, ['keys', 'list', '--dir', './keys'])).stdout, /by the default times of sessions/)
})

test('keys prune takes what nothing can need and leaves everything else; a dry run takes nothing', async (t) => {
  const dir = folder(t)
  const pairs = await aged(dir, hours(40), hours(20), hours(10), minutes(20), -minutes(10))
  writeFileSync(join(dir, 'postern.yaml'), configuration({}))
  const files = () => new Set(readdirSync(join(dir, 'keys')))
  const before = files()
  const dry = await postern(dir, ['keys', 'prune', '--dry-run'])
  assert.equal(dry.stdout.match(/would be removed/g)?.length, 4)
  assert.equal(dry.stdout.match(/kept until/g)?.length, 2)
  // The first ones had a successor 20 and 10 hours ago; the third one 20 minutes ago, and sessions last 8 hours.
  assert.deepEqual(files(), before)
  const pruned = await postern(dir, ['keys', 'prune'])
  assert.equal(pruned.code, 0)
  const left = pairs.slice(2).flat()
  assert.deepEqual(files(), new Set(left.map((kid) => `${kid}.jwk.json`)))
  assert.deepEqual(JSON.parse((await postern(dir, ['keys', 'prune', '--json'])).stdout), {
    dryRun: false,
    removed: [],
    kept: (JSON.parse((await postern(dir, ['keys', 'list', '--json'])).stdout) as Listed).keys
      .filter(({ mayGoAt }) => mayGoAt !== undefined)
      .map(({ kid, mayGoAt }) => ({ kid, mayGoAt })),
  })
})

test('two rotations at the same moment leave a folder that every reader understands alike', async (t) => {
  const dir = folder(t)
  assert.equal((await postern(dir, ['keys', 'generate'])).code, 0)
  const [one, other] = await Promise.all([postern(dir, ['keys', 'rotate']), postern(dir, ['keys', 'rotate'])])
  assert.ok(one.code === 0 || other.code === 0)
  const keys = await loadKeyFolder(join(dir, 'keys'))
  for (const at of [Date.now(), Date.now() + minutes(15), Date.now() + minutes(20)]) {
    const roles = familyRoles(keys, at, minutes(31))
    const reversed = familyRoles(keys.toReversed(), at, minutes(31))
    for (const family of ['signing', 'sealing'] as const) {
      assert.equal(roles[family].current?.kid, reversed[family].current?.kid)
      assert.equal([...roles[family].roleOf.values()].filter((role) => role === 'current').length, 1)
    }
  }
  for (const name of readdirSync(join(dir, 'keys'))) {
    assert.match(name, /^\d{6}[a-z2-9]{5}\.jwk\.json$/)
    assert.equal(statSync(join(dir, 'keys', name)).mode & 0o777, 0o600)
  }
})

test('KR-02 no command prints a private part of a key', async (t) => {
  const dir = folder(t)
  await aged(dir, hours(40), hours(20), minutes(20))
  writeFileSync(join(dir, 'postern.yaml'), configuration({}))
  const secrets = () =>
    readdirSync(join(dir, 'keys')).flatMap((name) => {
      const jwk = JSON.parse(readFileSync(join(dir, 'keys', name), 'utf8')) as { d?: string; k?: string }
      return [jwk.d, jwk.k].filter((value) => value !== undefined)
    })
  const all = new Set(secrets())
  let printed = ''
  for (const args of [
    ['list'],
    ['list', '--json'],
    ['jwks'],
    ['rotate'],
    ['rotate', '--force', '--json'],
    ['prune'],
    ['list'],
  ]) {
    const { code, stdout, stderr } = await postern(dir, ['keys', ...args])
    assert.equal(code, 0, stderr)
    printed += stdout + stderr
    for (const secret of secrets()) all.add(secret)
  }
  assert.equal(all.size, 10)
  for (const secret of all) assert.ok(!printed.includes(secret))
})

test('keys jwks prints what the gateway answers', async (t) => {
  const dir = folder(t)
  await aged(dir, hours(40), hours(20), minutes(20), -minutes(10))
  const gateway = await startGateway({
    keys: 'folder',
    options: () => ({ keys: { dir: join(dir, 'keys') } }),
    clock: fakeClock(Date.now()),
  })
  t.after(() => gateway.close())
  const answered = await send(`${gateway.origin}/.well-known/jwks.json`)
  const { stdout } = await postern(dir, ['keys', 'jwks', '--dir', './keys'])
  assert.deepEqual(JSON.parse(stdout), answered.json())
  assert.equal((answered.json()['keys'] as object[]).length, 3)
})

const isRoot = process.getuid?.() === 0

test(
  'a key that root makes is readable for the owner of the folder',
  { skip: isRoot ? false : 'only root can make files for somebody else' },
  async (t) => {
    const dir = folder(t)
    mkdirSync(join(dir, 'keys'), { mode: 0o700 })
    const { chownSync } = await import('node:fs')
    chownSync(join(dir, 'keys'), 65_532, 65_532)
    assert.equal((await postern(dir, ['keys', 'generate'])).code, 0)
    for (const name of readdirSync(join(dir, 'keys'))) {
      const { uid, gid, mode } = statSync(join(dir, 'keys', name))
      assert.deepEqual([uid, gid, mode & 0o777], [65_532, 65_532, 0o600])
    }
  },
)

test('without a configuration the times are the defaults', () => {
  const { keys, session, api } = parseOptions(JSON.parse(configuration({})) as Parameters<typeof parseOptions>[0])
  assert.equal(fallback.keys.publishAhead, keys.publishAhead)
  assert.deepEqual(fallback.session, {
    idleTimeout: session.idleTimeout,
    absoluteTimeout: session.absoluteTimeout,
  })
  assert.equal(fallback.api.tokenTtl, api.tokenTtl)
})
