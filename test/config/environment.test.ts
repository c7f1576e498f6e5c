import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyEnvironment } from '../../src/config/environment.ts'
import { configOf, full, loginOf, minimal } from './samples.ts'

const files: Readonly<Record<string, string>> = { '/run/level': 'debug\n', '/run/secret': 'hunter2\n' }
const readFile = (path: string) => files[path]

function overridden(env: Readonly<Record<string, string>>, options: unknown = minimal): unknown {
  const { value, faults } = applyEnvironment(options, { env, readFile })
  assert.deepEqual(faults, [])
  return value
}

const faultsOf = (env: Readonly<Record<string, string>>, options: unknown = minimal) =>
  applyEnvironment(options, { env, readFile }).faults

test('two underscores go one level down, one begins a new word', () => {
  const config = configOf(
    overridden({
      POSTERN_PUBLIC_URL: 'https://other.example.com',
      POSTERN_SESSION__TOKEN_TTL: '2m',
      POSTERN_SESSION__COOKIE__SAME_SITE: 'strict',
      POSTERN_LISTEN__PORT: '9000',
      POSTERN_INSECURE__HTTP_UPSTREAMS: 'true',
    }),
  )
  assert.equal(config.publicUrl, 'https://other.example.com')
  assert.equal(config.session.tokenTtl, 120_000)
  assert.equal(config.session.cookie.sameSite, 'strict')
  assert.equal(config.listen.port, 9000)
  assert.deepEqual(config.insecure, ['insecure.httpUpstreams'])
})

test('what was handed in stays as it is', () => {
  const options = structuredClone(minimal)
  overridden({ POSTERN_PUBLIC_URL: 'https://other.example.com', POSTERN_UPSTREAMS__ACCOUNTS__TITLE: 'Other' }, options)
  assert.deepEqual(options, minimal)
})

test('keys of maps are those of the file, in whatever case, with dashes as underscores', () => {
  const options = { ...minimal, upstreams: { 'my-accounts': full.upstreams.accounts } }
  assert.deepEqual(
    overridden(
      {
        POSTERN_UPSTREAMS__MY_ACCOUNTS__ORIGIN: 'https://a.example.com',
        POSTERN_UPSTREAMS__MY_ACCOUNTS__PRESENT__HEADERS__X_CLIENT_FILE: '/run/secret',
        POSTERN_UPSTREAMS__MY_ACCOUNTS__LOGIN__TOKEN__JSON: '/t',
        POSTERN_UPSTREAMS__MY_ACCOUNTS__LOGIN__REQUEST__JSON__CLIENT__ID: '8',
        POSTERN_UPSTREAMS__MY_ACCOUNTS__LOGIN__REQUEST__JSON__USER: '7',
      },
      options,
    ),
    {
      ...minimal,
      upstreams: {
        'my-accounts': {
          ...full.upstreams.accounts,
          origin: 'https://a.example.com',
          present: { ...full.upstreams.accounts.present, headers: { 'X-Client': { file: '/run/secret' } } },
          login: {
            ...full.upstreams.accounts.login,
            token: { json: '/t' },
            request: {
              ...full.upstreams.accounts.login.request,
              json: {
                ...full.upstreams.accounts.login.request.json,
                User: '7',
                client: { id: 8, scopes: ['a', null, true] },
              },
            },
          },
        },
      },
    },
  )
})

test('indexes of lists are those of the file', () => {
  const options = { ...minimal, routes: [{ path: '/', backend: 'http://127.0.0.1:3000' }] }
  const value = overridden({ POSTERN_ROUTES__0__BACKEND: 'http://app:3000', POSTERN_ROUTES__0__EXACT: 'true' }, options)
  assert.equal(configOf(value).routes[0]?.backend, 'http://app:3000')
  assert.equal(configOf(value).routes[0]?.exact, true)
  assert.match(
    faultsOf({ POSTERN_ROUTES__1__BACKEND: 'http://app:3000' }, options)[0] ?? '',
    /^POSTERN_ROUTES__1__BACKEND: names no option/,
  )
})

test('a list of texts is written with commas', () => {
  assert.deepEqual(configOf(overridden({ POSTERN_TRUSTED_PROXIES: '10.0.0.0/8, 192.0.2.7' })).trustedProxies, [
    '10.0.0.0/8',
    '192.0.2.7',
  ])
  assert.deepEqual(configOf(overridden({ POSTERN_TRUSTED_PROXIES: '' })).trustedProxies, [])
})

test('where a value may be of several types, that of the file is kept, and a list stays a list', () => {
  const requiring = (require: Readonly<Record<string, unknown>>) => ({ ...minimal, routes: [{ path: '/', require }] })
  const read = (present: unknown, text: string) => {
    const value = overridden({ POSTERN_ROUTES__0__REQUIRE__GROUPS: text }, requiring({ groups: present }))
    configOf(value)
    return (value as ReturnType<typeof requiring>).routes[0]?.require['groups']
  }
  assert.deepEqual(
    [
      read('1000', '1001'),
      read('1000', 'true'),
      read(1000, '1001'),
      read(true, 'false'),
      read(true, '1'),
      read(1, 'a'),
    ],
    ['1001', 'true', 1001, false, '1', 'a'],
  )
  assert.deepEqual(read('admin', 'admin,1001'), 'admin,1001')
  assert.deepEqual(read(['admin'], 'admin,1001'), ['admin', '1001'])
  assert.deepEqual(read(['admin'], '1001'), ['1001'])
  assert.deepEqual(read([1000, 1001], '1002, 1003'), [1002, 1003])
  assert.deepEqual(read([1000, 'admin'], '1002'), ['1002'])
})

test('beside a word of ours a number is a number', () => {
  for (const workers of [{}, { workers: 'auto' }, { workers: 2 }]) {
    const value = overridden({ POSTERN_WORKERS: '3' }, { ...minimal, ...workers })
    assert.deepEqual(value, { ...minimal, workers: 3 })
    assert.deepEqual(overridden({ POSTERN_WORKERS: 'auto' }, value), { ...minimal, workers: 'auto' })
  }
})

test('what may be null is nothing where null is said', () => {
  const brand = { name: 'Example', logo: 'logo.svg' }
  const value = overridden({ POSTERN_PAGES__BRAND__LOGO: 'null' }, { ...minimal, pages: { brand } })
  assert.deepEqual(value, { ...minimal, pages: { brand: { ...brand, logo: null } } })
})

test('with _FILE the value is read from a file, without its final line break', () => {
  assert.equal(configOf(overridden({ POSTERN_LOG__LEVEL_FILE: '/run/level' })).log.level, 'debug')
  assert.deepEqual(faultsOf({ POSTERN_LOG__LEVEL_FILE: '/run/nothing' }), [
    'POSTERN_LOG__LEVEL_FILE: the file that it names cannot be read',
  ])
})

test('an option called file is not taken for a value in a file', () => {
  assert.equal(
    configOf(overridden({ POSTERN_REVOCATIONS__FILE: '/etc/revocations.yaml' })).revocations.file,
    '/etc/revocations.yaml',
  )
})

test('a text that may be secret stays out of the configuration', () => {
  const options = { ...minimal, upstreams: { accounts: full.upstreams.accounts } }
  const name = 'POSTERN_UPSTREAMS__ACCOUNTS__LOGIN__REQUEST__HEADERS__X_API_KEY'
  const value = overridden({ [name]: 'hunter2' }, options)
  assert.ok(!JSON.stringify(value).includes('hunter2'))
  const config = configOf(value, { readFile, env: (asked) => (asked === name ? 'hunter2' : undefined) })
  assert.equal(String(loginOf(config, 'accounts').login.request.headers.get('X-Api-Key')), '[secret]')
})

test('CF-01 a variable that matches no option is a fault that names it', () => {
  assert.deepEqual(faultsOf({ POSTERN_SESSION__TOKN_TTL: '5m' }), [
    'POSTERN_SESSION__TOKN_TTL: names no option; did you mean POSTERN_SESSION__TOKEN_TTL?',
  ])
  assert.deepEqual(faultsOf({ POSTERN_UPSTREAMS__MEMBERS__TITLE: 'x' }), [
    'POSTERN_UPSTREAMS__MEMBERS__TITLE: names no option, or one below a key that the file does not have',
  ])
})

test('CF-01 an underscore too few is a fault, and so is a slip in a short name', () => {
  assert.deepEqual(faultsOf({ POSTERN_SESSION_TOKEN_TTL: '5m' }), [
    'POSTERN_SESSION_TOKEN_TTL: names no option; did you mean POSTERN_SESSION__TOKEN_TTL?',
  ])
  assert.deepEqual(faultsOf({ POSTERN_PUBLIC_URI: 'https://a' }), [
    'POSTERN_PUBLIC_URI: names no option; did you mean POSTERN_PUBLIC_URL?',
  ])
})

test('CF-01 two variables for one option are a fault', () => {
  assert.deepEqual(faultsOf({ POSTERN_LOG__LEVEL: 'warn', POSTERN_LOG__LEVEL_FILE: '/run/level' }), [
    'POSTERN_LOG__LEVEL_FILE: sets the same as POSTERN_LOG__LEVEL; keep one of them',
  ])
})

test('what a cluster says about a service called "postern", and names of others, are not ours', () => {
  const env = {
    POSTERN_SERVICE_HOST: '10.0.0.1',
    POSTERN_SERVICE_PORT: '80',
    POSTERN_SERVICE_PORT_HTTP: '80',
    POSTERN_PORT: 'tcp://10.0.0.1:80',
    POSTERN_PORT_80_TCP: 'tcp://10.0.0.1:80',
    POSTERN_PORT_80_TCP_ADDR: '10.0.0.1',
    POSTERN_API_SERVICE_HOST: '10.0.0.2',
    POSTERN_KEYS_PORT: 'tcp://10.0.0.2:80',
    POSTERN_REQUIRE_PROGRAMS: '1',
    PATH: '/bin',
  }
  assert.equal(overridden(env), minimal)
})

test('a value of the wrong type is left to the schema, which names the place', () => {
  const { value, setBy } = applyEnvironment(minimal, { env: { POSTERN_LISTEN__PORT: 'http' }, readFile })
  assert.deepEqual(value, { ...minimal, listen: { port: 'http' } })
  assert.equal(setBy.get('listen.port'), 'POSTERN_LISTEN__PORT')
})

test('the environment alone can be a configuration but for its upstreams', () => {
  assert.deepEqual(overridden({ POSTERN_PUBLIC_URL: 'https://app.example.com' }, null), {
    publicUrl: 'https://app.example.com',
  })
})
