import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { PosternError } from '../../src/base/errors.ts'
import { Secret } from '../../src/base/secret.ts'
import { loadConfigFile, parseOptions } from '../../src/config/load.ts'
import { loginOf, minimal, minimalUpstream } from './samples.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-config-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const file = join(folder, 'postern.yaml')

function load(text: string, env: Readonly<Record<string, string>> = {}) {
  writeFileSync(file, text)
  return loadConfigFile(file, { env })
}

/** Every line of the message but the first, without the folder. */
function faultsOf(text: string, env: Readonly<Record<string, string>> = {}): readonly string[] {
  try {
    load(text, env)
  } catch (error) {
    assert.ok(error instanceof PosternError && error.code === 'POSTERN_CONFIG_INVALID')
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim().replaceAll(`${folder}/`, ''))
  }
  return []
}

const accounts = `upstreams:
  accounts:
    kind: login
    origin: https://accounts.example.com
    login:
      request: { path: /api/login, json: { User: "{username}", Password: "{password}" } }
      token: { json: /token }
      subject: { json: /user/id }
`
const yaml = `publicUrl: https://app.example.com\n${accounts}`

test('a file is a configuration', () => {
  const config = load(yaml)
  assert.equal(config.publicUrl, 'https://app.example.com')
  assert.deepEqual([...config.upstreams.keys()], ['accounts'])
})

test('relative paths count from the folder of the file', () => {
  assert.equal(load(yaml).keys.dir, join(folder, 'keys'))
  const config = load(`${yaml}keys: { dir: ../secrets }\nrevocations: { file: ./gone.yaml }\n`)
  assert.equal(config.keys.dir, join(folder, '..', 'secrets'))
  assert.equal(config.revocations.file, join(folder, 'gone.yaml'))
  assert.equal(load(yaml, { POSTERN_KEYS__DIR: '/keys' }).keys.dir, '/keys')
})

test('every fault has its line and column, in the order of the file', () => {
  const text = `publicUrl: https://app.example.com/app
session:
  cookie: { name: postern }
  tokenTtl: 1h
  idle: 5m
routes:
  - path: /
  - { path: admin }
${accounts}    check: { reqest: {} }
`
  const faults = faultsOf(text)
  assert.deepEqual(
    faults.map((fault) => fault.split(': ')[0]),
    [
      'postern.yaml:1:1 publicUrl',
      'postern.yaml:5:3 session.idle',
      'postern.yaml:8:7 routes[1].path',
      'postern.yaml:17:14 upstreams.accounts.check.reqest',
    ],
  )
})

test('a contradiction is told where it stands', () => {
  assert.deepEqual(faultsOf(`${yaml}session:\n  tokenTtl: 1h\n`), [
    'postern.yaml:11:3 session.tokenTtl: must be at most `idleTimeout`, which is 30m',
  ])
})

test('a missing key is told at what should have it', () => {
  assert.match(faultsOf(accounts)[0] ?? '', /^postern\.yaml:1:1 publicUrl: is missing/)
})

test('a fault of the environment names the variable instead of a line', () => {
  assert.deepEqual(faultsOf(yaml, { POSTERN_SESSION__TOKEN_TTL: 'soon', POSTERN_SESION__TOKEN_TTL: '5m' }), [
    'POSTERN_SESION__TOKEN_TTL: names no option; did you mean POSTERN_SESSION__TOKEN_TTL?',
    'POSTERN_SESSION__TOKEN_TTL session.tokenTtl: must be a duration such as 500ms, 30s, 5m, 8h or 30d',
  ])
})

test('the environment goes over the file', () => {
  assert.equal(load(`${yaml}log: { level: warn }\n`, { POSTERN_LOG__LEVEL: 'debug' }).log.level, 'debug')
})

test('a key that stands twice is a fault with its line', () => {
  assert.deepEqual(faultsOf(`${yaml}publicUrl: https://other.example.com\n`), [
    'postern.yaml:10:1 this key stands in its map twice; keep one of them',
  ])
})

test('what is not YAML is a fault with its line, and the file is not quoted', () => {
  const secret = 'hunter2'
  for (const text of [
    `a: "${secret}`,
    `a: [${secret}`,
    `a: ${secret}: b`,
    `\t${secret}: 1`,
    `a: !${secret} x`,
    `--- 1\n--- ${secret}`,
    `a: *${secret}`,
    `%${secret}\n---\na: 1`,
    `? [${secret}]\n: 1`,
  ]) {
    const faults = faultsOf(text)
    assert.ok(faults.length > 0, text)
    for (const fault of faults) {
      assert.match(fault, /^postern\.yaml:\d+:\d+ /)
      assert.ok(!fault.includes(secret), fault)
    }
  }
})

test('aliases may repeat a part', () => {
  const config = load(
    `${yaml}routes:\n  - { path: /a, require: &admins { roles: [admin] } }\n  - { path: /b, require: *admins }\n`,
  )
  assert.deepEqual(config.routes[1]?.require, { roles: ['admin'] })
})

test('aliases that multiply are a fault, not a crash', () => {
  const levels = Array.from(
    { length: 12 },
    (_, index) => `l${index + 1}: &l${index + 1} [${Array(9).fill(`*l${index}`).join(', ')}]`,
  )
  const [fault] = faultsOf(`l0: &l0 [x, x, x, x, x, x, x, x, x]\n${levels.join('\n')}\n`)
  assert.match(fault ?? '', /^postern\.yaml:2:\d+ an alias names no anchor above it, or repeats too much/)
})

test('an alias of itself, endless nesting and strange files are faults, not crashes', () => {
  for (const text of [
    'a: &a [*a, *a]\n',
    '['.repeat(20_000),
    '',
    '# nothing\n',
    'text',
    '- list\n',
    'null',
    '.inf',
    'publicUrl: .nan',
    '\u0000',
    '\ufeff',
    '1: 2',
    '? {a: 1}\n: b',
  ]) {
    assert.ok(faultsOf(text, { POSTERN_LOG__LEVEL: 'info' }).length > 0, JSON.stringify(text.slice(0, 20)))
  }
})

test('`yes` and `on` are texts, as YAML 1.2 has them', () => {
  assert.match(
    faultsOf(`${yaml}insecure: { httpUpstreams: yes }\n`)[0] ?? '',
    /insecure\.httpUpstreams: must be true or false; `yes`, `no`, `on` and `off` are texts in YAML 1\.2$/,
  )
})

test('a file that is not there, or is none, is another error', () => {
  mkdirSync(join(folder, 'folder'), { recursive: true })
  assert.throws(() => loadConfigFile(join(folder, 'none.yaml'), { env: {} }), {
    code: 'POSTERN_CONFIG_UNREADABLE',
    message: /none\.yaml does not exist\.$/,
  })
  assert.throws(() => loadConfigFile(join(folder, 'folder'), { env: {} }), {
    code: 'POSTERN_CONFIG_UNREADABLE',
    message: /folder cannot be read\.$/,
  })
})

test('secrets come from files beside the configuration and from the environment, and do not show', () => {
  writeFileSync(join(folder, 'api.key'), 'hunter2\n')
  const config = load(
    `${yaml}    present: { headers: { X-Key: { file: ./api.key }, X-Other: { env: OTHER_KEY } } }\n`,
    { OTHER_KEY: 'swordfish' },
  )
  const headers = loginOf(config, 'accounts').present.headers
  const [key, other] = [headers.get('X-Key'), headers.get('X-Other')]
  assert.ok(key instanceof Secret && other instanceof Secret)
  assert.deepEqual([key.reveal(), other.reveal()], ['hunter2', 'swordfish'])
  assert.doesNotMatch(inspect(config, { depth: 20 }), /hunter2|swordfish/)
})

test('a secret that is missing, empty or no header value is a fault that does not show it', () => {
  writeFileSync(join(folder, 'empty.key'), '\n')
  writeFileSync(join(folder, 'lines.key'), 'hunter2\nhunter3\n')
  const headers = '{ A: { file: none.key }, B: { file: empty.key }, C: { env: NOT_SET }, D: { file: lines.key } }'
  const faults = faultsOf(`${yaml}    present: { headers: ${headers} }\n`)
  assert.deepEqual(
    faults.map((fault) => fault.replace(/^.*present\./, '')),
    [
      'headers.A.file: this file cannot be read; is it there, and may this user read it?',
      'headers.B.file: this file is empty',
      'headers.C.env: this environment variable is not set; set it, or name a file by { file: … }',
      'headers.D: must be a header value: one line of Latin-1 characters, without space at either end',
    ],
  )
})

test('no fault quotes a value', () => {
  const secret = 'hunter2'
  const upstream = {
    kind: 'login',
    origin: `https://user:${secret}@accounts.example.com`,
    login: {
      ...minimalUpstream.login,
      request: {
        method: secret,
        path: secret,
        headers: { A: [secret], B: `a\n${secret}` },
        json: { p: `{${secret}}` },
      },
    },
  }
  const members = {
    ...minimalUpstream,
    origin: upstream.origin,
    login: {
      ...minimalUpstream.login,
      request: {
        path: `/#${secret}`,
        headers: { B: `a\n${secret}` },
        json: { p: `{${secret}} {username} {password}` },
      },
    },
  }
  const options: unknown = {
    publicUrl: upstream.origin,
    trustedProxies: [secret],
    log: { level: secret },
    api: { tokenTtl: secret },
    upstreams: {
      accounts: upstream,
      members,
      others: { kind: secret },
      company: { kind: 'oidc', issuer: secret, clientId: secret },
    },
  }
  assert.throws(
    () => parseOptions(options as typeof minimal),
    (error) =>
      error instanceof PosternError && error.message.split('\n').length > 10 && !error.message.includes(secret),
  )
})

test('options in code give the same configuration, and every fault with its path', () => {
  assert.deepEqual(
    { ...parseOptions(minimal), keys: undefined, revocations: undefined },
    { ...load(yaml), keys: undefined, revocations: undefined },
  )
  assert.throws(() => parseOptions({ ...minimal, publicUrl: 'app', api: { tokenTtl: '2d' } }), {
    code: 'POSTERN_CONFIG_INVALID',
    message:
      /^The configuration has 2 faults\.\n {2}publicUrl: must be an origin.*\n {2}api\.tokenTtl: must be at most 1d/,
  })
})
