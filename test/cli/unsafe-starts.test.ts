import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import { OptionsSchema } from '../../src/config/options.ts'
import { writeKeyFile } from '../../src/keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'
import { minimalUpstream } from '../config/samples.ts'
import { postern, temporaryFolder, type Ran } from './session.ts'

/** Stands wherever a secret may stand, and in no answer. */
const canary = 'canary-7f3Qm2x9'
const longCanary = `${canary}-of-thirty-two-bytes-or-more`

const upstream = {
  ...minimalUpstream,
  secrets: { appKey: canary },
  login: {
    ...minimalUpstream.login,
    request: { ...minimalUpstream.login.request, headers: { 'X-Api-Key': '{appKey}' } },
  },
  check: { request: { method: 'GET', path: '/me' } },
  logout: { request: { path: '/logout' } },
}
const base = {
  publicUrl: 'https://app.example.com',
  listen: { port: 0, adminPort: 0 },
  upstreams: { accounts: upstream },
}
const other = (more: object) => ({ accounts: { ...upstream, ...more } })
const oneUse = {
  login: { ...upstream.login, refreshToken: { json: '/refresh' } },
  refresh: { request: { path: '/refresh', json: { refresh: '{refreshToken}' } } },
}
const provider = {
  kind: 'oidc',
  issuer: 'https://sso.example.com',
  clientId: 'postern',
  clientSecretFile: './long.secret',
}
const publicJwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
const exchanged = { ...base, exchange: { accounts: { by: 'check' } } }

interface Start {
  readonly what: string
  /** Of the configuration file; a text is the file itself, and none is no file. */
  readonly options?: object | string
  readonly env?: Readonly<Record<string, string>>
  /** Makes something of the good key folder. */
  readonly keys?: (dir: string) => void | Promise<void>
  readonly files?: Readonly<Record<string, string>>
  /** The one line that says what is wrong. */
  readonly says: RegExp
  /** Default: 1. */
  readonly code?: number
}

function anyKey(dir: string, use: 'sig' | 'enc'): string {
  const found = readdirSync(dir).find((name) => readFileSync(join(dir, name), 'utf8').includes(`"use": "${use}"`))
  return join(dir, found ?? 'none')
}

const activatesAt = Date.parse('2026-11-01T00:00:00Z')
const stored = { activatesAt: '2026-11-01T00:00:00Z', kid: 'own', use: 'sig' }
const ownKey = (dir: string, jwk: object) =>
  writeFileSync(join(dir, 'own.jwk.json'), JSON.stringify({ ...stored, ...jwk }), { mode: 0o600 })

const configuration: readonly Start[] = [
  {
    what: 'no configuration',
    says: /^postern\.yaml does not exist\. Name the configuration with: --config FILE$/,
    code: 2,
  },
  { what: 'text that is no YAML', options: `publicUrl: [${canary}`, says: /^postern\.yaml:\d+:\d+ / },
  { what: 'no public address', options: { ...base, publicUrl: undefined }, says: /publicUrl: is missing/ },
  {
    what: 'a public address with a password in it',
    options: { ...base, publicUrl: `https://a:${canary}@app.example.com` },
    says: /publicUrl: must be an origin/,
  },
  {
    what: 'a public address over http',
    options: { ...base, publicUrl: 'http://app.example.com' },
    says: /publicUrl: must begin with https:.*insecure\.httpPublicUrl/,
  },
  {
    what: 'a login service over http',
    options: { ...base, upstreams: other({ origin: 'http://accounts.example.com' }) },
    says: /upstreams\.accounts\.origin: must begin with https:.*insecure\.httpUpstreams/,
  },
  {
    what: 'a provider over http',
    options: { ...base, upstreams: { company: { ...provider, issuer: 'http://sso.example.com' } } },
    files: { 'long.secret': longCanary },
    says: /upstreams\.company\.issuer: must begin with https:.*insecure\.httpUpstreams/,
  },
  {
    what: 'a login service with a password in its address',
    options: { ...base, upstreams: other({ origin: `https://a:${canary}@accounts.example.com` }) },
    says: /upstreams\.accounts\.origin: must be an origin/,
  },
  {
    what: 'nobody to sign in at',
    options: { ...base, upstreams: {} },
    says: /upstreams: must have at least one entry/,
  },
  {
    what: 'an option that does not exist',
    options: { ...base, trustProxy: true },
    says: /trustProxy: is not known here/,
  },
  {
    what: 'a dangerous switch that does not exist',
    options: { ...base, insecure: { tls: true } },
    says: /insecure\.tls: is not known here/,
  },
  {
    what: 'a variable that names no option',
    options: base,
    env: { POSTERN_INSECURE__HTTP: canary },
    says: /^POSTERN_INSECURE__HTTP: names no option/,
  },
  {
    what: 'a secret in the variable of another option',
    options: base,
    env: { POSTERN_LOG__LEVEL: canary },
    says: /^POSTERN_LOG__LEVEL log\.level: must be/,
  },
  {
    what: 'a token that outlives the idle limit',
    options: { ...base, session: { tokenTtl: '31m' } },
    says: /session\.tokenTtl: must be at most `idleTimeout`/,
  },
  {
    what: 'an idle limit beyond the absolute one',
    options: { ...base, session: { idleTimeout: '9h' } },
    says: /session\.idleTimeout: must be at most `absoluteTimeout`/,
  },
  {
    what: 'an access token that lives for days',
    options: { ...base, api: { tokenTtl: '2d' } },
    says: /api\.tokenTtl: must be at most 1d/,
  },
  {
    what: 'one audience for two kinds of token',
    options: { ...base, api: { audience: 'https://app.example.com/_auth' } },
    says: /api\.audience: is the audience of session tokens/,
  },
  {
    what: 'a client with the audience of session tokens',
    options: {
      ...exchanged,
      clients: { a: { secretFile: './long.secret', audiences: ['https://app.example.com/_auth'] } },
    },
    files: { 'long.secret': longCanary },
    says: /clients\.a\.audiences/,
  },
  {
    what: 'a client whose secret could be guessed',
    options: { ...exchanged, clients: { a: { secretFile: './short.secret' } } },
    files: { 'short.secret': canary },
    says: /clients\.a\.secretFile: /,
  },
  {
    what: 'a client without a credential',
    options: { ...exchanged, clients: { a: {} } },
    says: /clients\.a: must have exactly one of/,
  },
  {
    what: 'a client whose key is a private one',
    options: { ...exchanged, clients: { a: { publicKeyFile: './own.jwk' } } },
    files: { 'own.jwk': JSON.stringify({ ...publicJwk, d: canary, alg: 'ES256' }) },
    says: /clients\.a\.publicKeyFile: /,
  },
  {
    what: 'a client whose key is a secret text',
    options: { ...exchanged, clients: { a: { publicKeyFile: './own.jwk' } } },
    files: { 'own.jwk': JSON.stringify({ kty: 'oct', k: canary, alg: 'HS256' }) },
    says: /clients\.a\.publicKeyFile: /,
  },
  {
    what: 'tokens introspected in the clear',
    options: {
      ...base,
      exchange: {
        accounts: {
          by: 'introspection',
          endpoint: 'http://sso.example.com/introspect',
          clientId: 'postern',
          clientSecretFile: './long.secret',
        },
      },
    },
    files: { 'long.secret': longCanary },
    says: /exchange\.accounts\.endpoint: must begin with https:.*insecure\.httpUpstreams/,
  },
  {
    what: 'keys of an issuer fetched in the clear',
    options: {
      ...base,
      exchange: {
        accounts: {
          by: 'jwks',
          issuer: 'https://sso.example.com',
          uri: 'http://sso.example.com/keys',
          audience: 'https://app.example.com',
        },
      },
    },
    says: /exchange\.accounts\.uri: must begin with https:.*insecure\.httpUpstreams/,
  },
  {
    what: 'signatures that are made with a shared secret',
    options: {
      ...base,
      exchange: {
        accounts: {
          by: 'jwks',
          issuer: 'https://sso.example.com',
          uri: 'https://sso.example.com/keys',
          audience: 'https://app.example.com',
          algorithms: ['HS256'],
        },
      },
    },
    says: /exchange\.accounts\.algorithms\[0\]: must be/,
  },
  {
    what: 'a secret whose file is missing',
    options: { ...base, upstreams: other({ secrets: { appKey: { file: './none' } } }) },
    says: /secrets\.appKey\.file: this file cannot be read/,
  },
  {
    what: 'a secret whose file is empty',
    options: { ...base, upstreams: other({ secrets: { appKey: { file: './empty' } } }) },
    files: { empty: '\n' },
    says: /secrets\.appKey\.file: this file is empty/,
  },
  {
    what: 'a secret whose variable is not set',
    options: { ...base, upstreams: other({ secrets: { appKey: { env: 'NOT_SET' } } }) },
    says: /secrets\.appKey\.env: this environment variable is not set/,
  },
  {
    what: 'a number of hops for proxies',
    options: { ...base, trustedProxies: 1 },
    says: /trustedProxies: .*hop counts are not supported/,
  },
  {
    what: 'a number of hops in the environment',
    options: base,
    env: { POSTERN_TRUSTED_PROXIES: '1' },
    says: /trustedProxies.*hop counts are not supported/,
  },
  {
    what: 'proxies by name',
    options: { ...base, trustedProxies: ['loopback'] },
    says: /trustedProxies\[0\]: must be an address or a CIDR/,
  },
  {
    what: 'two services whose people would be one',
    options: { ...base, upstreams: { accounts: upstream, b: { ...upstream, subject: { prefix: 'accounts' } } } },
    says: /subject\.prefix/,
  },
  {
    what: 'a mapped claim that is one of ours',
    options: { ...base, upstreams: other({ login: { ...upstream.login, claims: { exp: { json: '/exp' } } } }) },
    says: /login\.claims\.exp/,
  },
  {
    what: 'an open route that asks for a role',
    options: { ...base, routes: [{ path: '/', access: 'public', require: { roles: 'admin' } }] },
    says: /routes\[0\]\.require: nobody is asked/,
  },
  {
    what: 'two routes for one request',
    options: { ...base, routes: [{ path: '/a' }, { path: '/a/' }] },
    says: /routes\[1\]: is for the same requests/,
  },
  {
    what: 'a route over our own endpoints',
    options: { ...base, routes: [{ path: '/_auth/login', access: 'public' }] },
    says: /routes\[0\]\.path: lies under `prefix`/,
  },
  {
    what: 'a route in a spelling that no request has',
    options: { ...base, routes: [{ path: '/%61dmin' }] },
    says: /routes\[0\]\.path: /,
  },
  {
    what: 'an identity header that a client could send in another spelling',
    options: { ...base, identity: { headers: { 'Remote-User': 'sub', remote_user: 'sub' } } },
    says: /identity\.headers\.remote_user: is the same header/,
  },
  {
    what: 'replicas that would use one refresh token twice',
    options: { ...base, replicas: 2, upstreams: other(oneUse) },
    says: /upstreams\.accounts\.refresh: .*facts\.redis/,
  },
  {
    what: 'a password in the address of Redis',
    options: { ...base, facts: { redis: { url: `redis://a:${canary}@127.0.0.1` } } },
    says: /facts\.redis.*: .*keys of their own/,
  },
  {
    what: 'a revocations file that cannot be read as one',
    options: { ...base, revocations: { file: './revocations.yaml' } },
    files: { 'revocations.yaml': `notBefore: ${canary}` },
    says: /notBefore: must be a time in ISO 8601/,
  },
]

const spoiled: readonly Start[] = [
  {
    what: 'no key folder',
    keys: (dir) => rmSync(dir, { recursive: true }),
    says: /keys: this folder cannot be read; make it and its keys with: postern keys generate/,
  },
  {
    what: 'no signing key',
    keys: (dir) => rmSync(anyKey(dir, 'sig')),
    says: /there is no signing key; make them with: postern keys generate/,
  },
  {
    what: 'no sealing key',
    keys: (dir) => rmSync(anyKey(dir, 'enc')),
    says: /there is no sealing key; make them with: postern keys generate/,
  },
  {
    what: 'a key that everyone can read',
    keys: (dir) => chmodSync(anyKey(dir, 'sig'), 0o604),
    says: /is open to everyone on this machine; run: chmod 600/,
  },
  {
    what: 'a key that its group can write',
    keys: (dir) => chmodSync(anyKey(dir, 'enc'), 0o620),
    says: /may be written by its group; run: chmod 600/,
  },
  {
    what: 'a key of ours that our group can read',
    keys: (dir) => chmodSync(anyKey(dir, 'sig'), 0o640),
    says: /may be read by its group; run: chmod 600/,
  },
  {
    what: 'a folder that everyone can write',
    keys: (dir) => chmodSync(dir, 0o777),
    says: /others may write to this folder; run: chmod go-w/,
  },
  {
    what: 'a key under another name than its own',
    keys: (dir) => renameSync(anyKey(dir, 'sig'), join(dir, 'b.jwk.json')),
    says: /b\.jwk\.json: holds the kid/,
  },
  {
    what: 'half a key',
    keys: (dir) => writeFileSync(join(dir, 'own.jwk.json'), `{"d":"${canary}"`, { mode: 0o600 }),
    says: /own\.jwk\.json: is not a JSON object/,
  },
  {
    what: 'a key of the demo',
    keys: async (dir) => void (await writeKeyFile(dir, await generateSigningKey('ES256', { activatesAt, demo: true }))),
    says: /was made by the demo/,
  },
  {
    what: 'a sealing key of the demo',
    keys: async (dir) => void (await writeKeyFile(dir, generateSealingKey({ activatesAt, demo: true }))),
    says: /was made by the demo/,
  },
  {
    what: 'RSA of 2048 bits',
    keys: async (dir) => {
      const { privateKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true })
      ownKey(dir, { ...(await exportJWK(privateKey)), alg: 'RS256' })
    },
    says: /own\.jwk\.json: is RSA below 3072 bits/,
  },
  {
    what: 'a secret text that should sign',
    keys: (dir) => ownKey(dir, { kty: 'oct', k: canary, alg: 'HS256' }),
    says: /own\.jwk\.json: has an alg that is not one of/,
  },
  {
    what: 'a secret text for an algorithm of key pairs',
    keys: (dir) => ownKey(dir, { kty: 'oct', k: canary, alg: 'ES256' }),
    says: /own\.jwk\.json: is not a key for ES256/,
  },
  {
    what: 'no algorithm',
    keys: (dir) => ownKey(dir, { kty: 'oct', k: canary, alg: 'none' }),
    says: /own\.jwk\.json: has an alg that is not one of/,
  },
  {
    what: 'a short sealing key',
    keys: (dir) => ownKey(dir, { kty: 'oct', k: canary, use: 'enc', alg: 'A256GCM' }),
    says: /own\.jwk\.json: does not hold 32 bytes/,
  },
]
const keys: readonly Start[] = spoiled.map((start) => ({ options: base, ...start }))

let goodKeys = ''
before(async () => {
  goodKeys = temporaryFolder()
  await postern(goodKeys, ['keys', 'generate', '--dir', join(goodKeys, 'keys')])
})
after(() => rmSync(goodKeys, { recursive: true, force: true }))

/** Runs a command in a folder of its own that is good but for what the start says. */
async function begin(command: string, { options, env = {}, keys: spoil, files = {} }: Partial<Start>): Promise<Ran> {
  const folder = temporaryFolder()
  try {
    const text = typeof options === 'string' ? options : JSON.stringify(options)
    if (options !== undefined) writeFileSync(join(folder, 'postern.yaml'), text)
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content, { mode: 0o600 })
    cpSync(join(goodKeys, 'keys'), join(folder, 'keys'), { recursive: true })
    await spoil?.(join(folder, 'keys'))
    return await postern(folder, [command], env)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** At most a line that there is a fault, one line that says which, and of a file of its own one that says what to do. */
function assertOneFault(stderr: string, says: RegExp): void {
  const lines = stderr.trimEnd().split('\n')
  const mend = lines.at(-1) === 'Put each line right, or the last good file back.' ? lines.pop() : undefined
  assert.ok(lines.length <= 2, stderr)
  assert.match(lines.at(-1)?.trim() ?? '', says)
  if (mend !== undefined) assert.match(stderr, /revocations\.yaml has a fault\./)
  assert.ok(!stderr.includes(canary), stderr)
}

/** Both commands read the configuration by one function; beyond it each goes its own way. */
const checkedToo = [...keys, ...configuration.filter(({ files }) => files?.['revocations.yaml'] !== undefined)]

describe('an unsafe start', { concurrency: 2 }, () => {
  for (const start of [...configuration, ...keys]) {
    const id = start.what.includes('hops') ? 'CF-06' : keys.includes(start) ? 'KR-06' : 'CF-01'
    const both = checkedToo.includes(start)
    test(`${id} ${start.what}: serve ends, says one thing and no secret${both ? ', and so does check' : ''}`, async () => {
      const served = await begin('serve', start)
      assert.deepEqual([served.code, served.stdout], [start.code ?? 1, ''], served.stderr)
      assertOneFault(served.stderr, start.says)
      if (!both) return
      const checked = await begin('check', start)
      assert.equal(checked.code, 1)
      assertOneFault(checked.stderr, start.says)
      assert.ok(!checked.stdout.includes(canary), checked.stdout)
    })
  }

  test('CF-01 what all of them begin with is good, so that each is refused for its own fault', async () => {
    const { code, stdout, stderr } = await begin('check', { options: base })
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^good: /m)
    assert.ok(!stdout.includes(canary))
  })
})

test('CF-01 every switch under insecure is named insecure by check and at each start, whatever the level of the log', async () => {
  const switches = Object.keys(OptionsSchema.properties.insecure.properties)
  assert.ok(switches.length > 0)
  // An address that is nobody's here: serve says what it has to say, and ends.
  const unreachable = { ...base, listen: { host: '192.0.2.1', port: 1, adminHost: '127.0.0.1', adminPort: 0 } }
  for (const name of switches) {
    const sentence = `insecure.${name} is on: this is not safe on a network`
    const on = { ...unreachable, insecure: { [name]: true } }
    assert.ok((await begin('check', { options: on })).stdout.includes(`warning: ${sentence}\n`))
    const told = (await begin('serve', { options: on })).stdout.split('\n').filter((line) => line.includes(sentence))
    assert.equal(told.length, 1)
    const record = JSON.parse(told[0] ?? '') as Record<string, unknown>
    assert.deepEqual([record['level'], record['option']], ['warn', `insecure.${name}`])
    for (const level of ['error', 'silent']) {
      const { stdout, stderr } = await begin('serve', { options: { ...on, log: { level } } })
      assert.ok(!stdout.includes('insecure') && stderr.includes(`warning: ${sentence}\n`), level)
    }
    const off = await begin('serve', { options: { ...unreachable, insecure: { [name]: false } } })
    assert.ok(!`${off.stdout}${off.stderr}`.includes('insecure'))
  }
})
