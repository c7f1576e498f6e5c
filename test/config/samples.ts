import assert from 'node:assert/strict'
import type { Config } from '../../src/config/config.ts'
import { formatPath } from '../../src/config/faults.ts'
import type { Options } from '../../src/config/options.ts'
import { parse } from '../../src/config/parse.ts'
import type { SecretSources } from '../../src/config/secrets.ts'
import type { LoginUpstreamConfig } from '../../src/config/upstream.ts'
import type { LoginUpstreamOptions } from '../../src/config/upstream-options.ts'

export const noSecrets: SecretSources = { readFile: () => undefined, env: () => undefined }

export const minimalUpstream = {
  kind: 'login',
  origin: 'https://accounts.example.com',
  login: {
    request: { path: '/api/login', json: { User: '{username}', Password: '{password}' } },
    token: { json: '/token' },
    subject: { json: '/user/id' },
  },
} satisfies LoginUpstreamOptions

/** The least that one can say. */
export const minimal = {
  publicUrl: 'https://app.example.com',
  upstreams: { accounts: minimalUpstream },
} satisfies Options

/** Every key there is, at least once. */
export const full = {
  publicUrl: 'https://app.example.com',
  prefix: '/_auth',
  listen: { host: '0.0.0.0', port: 8080, adminHost: '127.0.0.1', adminPort: 9080 },
  forwardAuth: ['nginx'],
  trustedProxies: ['10.0.0.0/8', '192.0.2.7', 'fd00::/8'],
  keys: { dir: './keys', publishAhead: '15m', maxAge: '90d' },
  session: {
    tokenTtl: '5m',
    idleTimeout: '30m',
    absoluteTimeout: '8h',
    renewWait: '500ms',
    uncheckedTimeout: '1h',
    recheckEvery: '10m',
    maxSockets: 100,
    deviceBound: 'prefer',
    cookie: { name: 'postern', sameSite: 'lax', formerNames: ['gate'] },
  },
  api: { tokenTtl: '10m', audience: 'https://api.example.com' },
  dpop: { mode: 'off', nonces: true },
  upstreams: {
    accounts: {
      kind: 'login',
      title: 'Example accounts',
      origin: 'https://accounts.example.com',
      timeout: '10s',
      maxResponse: 1_048_576,
      maxFailures: '20/1m',
      subject: { prefix: 'accounts' },
      fields: [
        { name: 'username', label: 'User name', type: 'text', autocomplete: 'username', required: true },
        { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password', required: true },
      ],
      login: {
        request: {
          method: 'POST',
          path: '/api/login?realm=web',
          headers: { 'X-Api-Key': { env: 'ACCOUNTS_KEY' }, Accept: 'application/json' },
          json: { User: '{username}', Password: '{password}', client: { id: 7, scopes: ['a', null, true] } },
          contentType: 'application/json-rpc',
        },
        success: {
          status: [200, 401],
          body: [
            { json: '/ok', equals: 0 },
            { json: '/error', exists: false },
          ],
          headers: [{ name: 'X-Result', equals: 'fine' }],
          cookies: [{ name: 'sid', exists: true }],
        },
        token: { json: '/user/authentication_token' },
        expiry: { json: '/expires_in', unit: 'seconds', base: { json: '/issued_at', unit: 'epoch' } },
        values: { tenant: { json: '/tenant' } },
        subject: { json: '/user/id' },
        claims: { name: { json: '/user/name' }, roles: { jwt: '/roles' }, login: { field: 'username' } },
        refusals: [
          { status: [400, 401], as: 'bad_credentials' },
          { status: [423], text: { contains: 'locked' }, as: 'locked' },
        ],
      },
      secondStep: {
        when: { status: [401], body: [{ json: '/next', equals: 'code' }] },
        fields: [{ name: 'code', label: 'Code', type: 'text', autocomplete: 'one-time-code', required: true }],
        carry: { challenge: { json: '/challenge' } },
        request: { method: 'PUT', path: '/api/code/{challenge}', form: { user: '{username}', code: '{code}' } },
        success: { status: [200], text: { equals: 'welcome' } },
        refusals: [{ status: [429], as: 'rate_limited' }],
      },
      profile: {
        request: { method: 'GET', path: '/api/me' },
        success: { body: [{ json: '/id', exists: true }] },
        subject: { json: '/id' },
        claims: {
          email: { json: '/email' },
          teams: { json: '/teams', each: '/name' },
          areas: { json: '/areas', split: ',' },
        },
        expiry: { json: '/session/ends', unit: 'iso' },
      },
      present: { header: 'Authorization', scheme: 'Bearer', headers: { 'X-Client': 'postern' } },
      check: {
        request: { method: 'GET', path: '/api/me' },
        subject: { json: '/id' },
        claims: { name: { json: '/name' } },
        expiry: { json: '/expires_in' },
        refusals: [{ status: [400], as: 'refused' }],
      },
      logout: { request: { method: 'POST', path: '/api/logout', json: { tenant: '{tenant}' } }, endsToken: true },
    },
    members: {
      kind: 'login',
      origin: 'https://members.example.com',
      login: {
        request: { path: '/auth/login', form: { email: '{username}', password: '{password}' } },
        token: { cookie: 'SESSION', decode: false },
        refreshToken: { header: 'X-Refresh', scheme: 'Token' },
        expiry: { cookieAge: 'SESSION' },
        subject: { json: '/id' },
      },
      present: { cookie: 'SESSION', cookies: false, none: false },
      refresh: {
        request: { path: '/auth/refresh', json: { refresh_token: '{refreshToken}' } },
        refusals: [{ status: [409], as: 'unavailable', retryAfter: '2m' }],
        concurrent: false,
      },
      logout: {
        request: { method: 'DELETE', path: '/auth/session/{subject}', basic: { username: 'a', password: '{token}' } },
      },
    },
    index: {
      kind: 'login',
      origin: 'https://index.example.com',
      links: { forgotPassword: 'https://index.example.com/forgot', register: 'https://index.example.com/new' },
      secrets: { appSecret: { env: 'INDEX_SECRET' }, appId: 'postern' },
      login: {
        request: {
          path: '/login',
          json: { user: '{username}', pass: '{password}', app: '{appId}', key: '{appSecret}' },
        },
        token: { json: '/token' },
        subject: { field: 'username' },
        refusals: [
          { status: [500], as: 'rate_limited', retryAfter: '10m' },
          { status: [403], text: { contains: 'banned' }, as: 'rate_limited', everyone: true },
          { status: [409], as: 'locked', everyone: false },
        ],
      },
      profile: {
        request: { method: 'GET', path: '/me' },
        claims: { name: { json: '/name' } },
        refusals: [{ body: [{ json: '/anonymous', exists: true }], as: 'refused' }],
      },
      present: { basic: { username: '{subject}', password: '{token}' } },
      refresh: { request: { path: '/renew', json: { old: '{token}', key: '{appSecret}' } }, concurrent: true },
      logout: { request: { path: '/logout' } },
    },
    company: {
      kind: 'oidc',
      title: 'Company',
      issuer: 'https://sso.example.com/realms/main',
      clientId: 'postern',
      clientSecret: { env: 'INDEX_SECRET' },
      tokenEndpointAuthMethod: 'client_secret_post',
      scopes: ['openid', 'profile', 'email'],
      claims: { name: '/name', groups: '/realm_access/roles' },
      userinfo: true,
      refresh: { use: true, concurrent: false },
      logout: { redirect: true, idTokenHint: false, returnTo: 'https://app.example.com/goodbye' },
      prompt: 'select_account',
      maxAge: '1h',
      acrValues: ['urn:example:two-factors'],
      authorizationParameters: { ui_locales: 'en' },
      origin: 'https://api.example.com',
      timeout: '10s',
      maxResponse: 1_048_576,
      subject: { prefix: 'company' },
    },
  },
  routes: [
    {
      host: 'app.example.com',
      path: '/public/',
      exact: false,
      ignoreCase: false,
      methods: ['GET', 'HEAD'],
      access: 'public',
      backend: 'http://127.0.0.1:3000',
      stripPrefix: false,
      credentials: 'none',
      slide: true,
      timeout: '30s',
      maxBody: '10MB',
      encodedSlash: 'refuse',
      pathParams: 'refuse',
    },
    {
      path: '/admin/',
      access: 'protected',
      require: { roles: ['admin', 'root'], name: 'ada' },
      onAnonymous: 'auto',
      backend: 'http://127.0.0.1:3000',
      credentials: 'upstream',
      authorization: 'ours',
      websocket: true,
    },
    { path: '/', backend: 'http://127.0.0.1:3000' },
  ],
  exchange: {
    accounts: { by: 'check' },
    members: {
      by: 'introspection',
      endpoint: 'https://members.example.com/introspect',
      clientId: 'postern',
      clientSecretFile: './members.secret',
      issuer: 'https://members.example.com',
      audience: 'https://api.example.com',
      subject: '/sub',
      claims: { name: '/name' },
      boundByScope: true,
    },
    index: {
      by: 'jwks',
      issuer: 'https://index.example.com',
      uri: 'https://index.example.com/jwks',
      audience: 'https://api.example.com',
      algorithms: ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
      typ: ['at+jwt'],
      subject: '/sub',
      claims: { name: '/name' },
      boundByScope: true,
    },
  },
  clients: {
    reports: {
      secretFile: './reports.secret',
      public: false,
      audiences: ['https://api.example.com', 'https://other.example.com'],
      scopes: [],
      upstreams: ['accounts'],
    },
    signer: { publicKeyFile: './signer.json', scopes: ['read'] },
  },
  rateLimit: {
    login: { perAccountAndAddress: '5/1m', perAddress: '30/1m', perAccount: '50/15m' },
    exchange: { perClientAndAddress: '60/1m', perAddress: '120/1m', perClient: '600/1m' },
  },
  revocations: { file: './revocations.yaml' },
  identity: { headers: { 'Remote-User': 'sub', 'X-Email': 'email' } },
  pages: {
    dir: null,
    language: 'en',
    brand: { name: null, logo: null, logoDark: null, icon: null, color: null },
  },
  insecure: { httpPublicUrl: false, httpUpstreams: false },
  log: { level: 'info' },
  workers: 1,
  replicas: 1,
  tracing: {
    propagate: true,
    endpoint: 'http://127.0.0.1:4318',
    headers: { Authorization: { env: 'INDEX_SECRET' } },
    sample: 1,
    serviceName: 'postern',
  },
  facts: { redis: { url: 'redis://10.0.0.5:6379', prefix: 'postern:', timeout: '250ms' } },
  overload: { maxDelay: '500ms', maxRequests: 8192, maxConnections: 16_384 },
  shutdownTimeout: '30s',
} satisfies Options

const fullFiles = new Map([
  ['./members.secret', 'hunter2'],
  ['./reports.secret', 'correct horse battery staple, and more of it'],
  [
    './signer.json',
    '{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"one","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
  ],
])

export const fullSecrets: SecretSources = {
  readFile: (path) => fullFiles.get(path),
  env: (name) => (name === 'ACCOUNTS_KEY' || name === 'INDEX_SECRET' ? 'hunter2' : undefined),
}

/** What parses, or the test fails with the faults. */
export function configOf(options: unknown, sources: SecretSources = noSecrets): Config {
  const result = parse(options, sources)
  assert.ok(result.ok, result.ok ? '' : `${lines(result).join('\n')}`)
  return result.config
}

/** The upstream `accounts` of a configuration that is minimal but for it. */
export function upstreamOf(options: object, sources: SecretSources = noSecrets): LoginUpstreamConfig {
  return loginOf(configOf(withUpstream(options), sources), 'accounts')
}

/** The login API of that key. */
export function loginOf({ upstreams }: Config, key: string): LoginUpstreamConfig {
  const upstream = upstreams.get(key)
  assert.ok(upstream?.kind === 'login')
  return upstream
}

export function withUpstream(options: object): object {
  return { ...minimal, upstreams: { accounts: { ...minimalUpstream, ...options } } }
}

export function withLogin(options: object): object {
  return withUpstream({ login: { ...minimalUpstream.login, ...options } })
}

/** Each fault as `path: message`. */
export function faultsOf(options: unknown, sources: SecretSources = noSecrets): readonly string[] {
  return lines(parse(options, sources))
}

function lines(result: ReturnType<typeof parse>): readonly string[] {
  return result.ok ? [] : result.faults.map(({ path, message }) => `${formatPath(path)}: ${message}`)
}
