import type { Contestant } from './contestant.ts'
import { caddyForwardAuth, flask, haproxyJwt, nginxWithOAuth2Proxy, nginxWithPostern, oauth2Proxy } from './programs.ts'
import { anyone, app, askedByNginx, gateway, signedIn } from './started.ts'

/** One comparison: what the other side costs, divided by what ours costs. */
export interface Row {
  readonly title: string
  readonly ours: Contestant
  readonly other: Contestant
  /** Of the ratio, at least. */
  readonly goal?: number
  /** What our side answers to a request without its credential. */
  readonly strangers: 200 | 401
}

const cookie = app('guard-cookie')
const bearer = app('guard-bearer')
const proxied = gateway({ path: '/page', heads: signedIn })

export const rows: Readonly<Record<string, Row>> = {
  control: {
    title: 'the same app twice: how far to trust the rest',
    ours: app('plain'),
    other: app('plain'),
    strangers: 200,
  },
  floor: {
    title: 'a hook that only sets the header, against no hook',
    ours: app('empty-hook'),
    other: app('plain'),
    strangers: 200,
  },
  cookie: {
    title: 'requireAuth(), session cookie, against no plugin',
    ours: cookie,
    other: app('plain'),
    goal: 0.95,
    strangers: 401,
  },
  'cookie-floor': {
    title: 'the same, against a guard that only looks the cookie up in a Map',
    ours: cookie,
    other: app('cookie-floor'),
    strangers: 401,
  },
  bearer: {
    title: 'requireAuth(), Bearer token, against no plugin',
    ours: bearer,
    other: app('plain'),
    goal: 0.95,
    strangers: 401,
  },
  anonymous: {
    title: 'optionalAuth(), no credential, against no plugin',
    ours: app('optional-anonymous'),
    other: app('plain'),
    strangers: 200,
  },
  logged: {
    title: 'requireAuth() and one log record, against the same record',
    ours: app('guard-logged'),
    other: app('plain-logged'),
    goal: 0.9,
    strangers: 401,
  },
  'fastify-jwt': {
    title: 'requireAuth(), Bearer, against @fastify/jwt ES256',
    ours: bearer,
    other: app('fastify-jwt'),
    goal: 4,
    strangers: 401,
  },
  'fastify-jwt-cached': {
    title: 'the same with the cache of @fastify/jwt',
    ours: bearer,
    other: app('fastify-jwt-cached'),
    goal: 1.3,
    strangers: 401,
  },
  'haproxy-jwt': {
    title: 'requireAuth(), Bearer, against jwt_verify ES256 of HAProxy',
    ours: bearer,
    other: haproxyJwt,
    goal: 4,
    strangers: 401,
  },
  'secure-session': {
    title: 'requireAuth(), cookie, against @fastify/secure-session',
    ours: cookie,
    other: app('secure-session'),
    goal: 1,
    strangers: 401,
  },
  'iron-session': {
    title: 'requireAuth(), cookie, against iron-session',
    ours: cookie,
    other: app('iron-session'),
    goal: 1,
    strangers: 401,
  },
  flask: {
    title: 'requireAuth(), cookie, against the session of Flask',
    ours: cookie,
    other: flask,
    goal: 1,
    strangers: 401,
  },
  cold: {
    title: 'every token one not seen before, against jwtVerify of jose',
    ours: app('guard-crowd'),
    other: app('jose-crowd'),
    goal: 0.95,
    strangers: 401,
  },
  proxied: {
    title: 'forwarded and signed in, against forwarded for anyone',
    ours: proxied,
    other: gateway({ path: '/public/page', heads: anyone }),
    goal: 0.9,
    strangers: 401,
  },
  'http-proxy': {
    title: 'forwarded and signed in, against @fastify/http-proxy, which asks nobody',
    ours: proxied,
    other: app('http-proxy', '/page'),
    goal: 1.2,
    strangers: 401,
  },
  'oauth2-proxy': {
    title: 'forwarded and signed in, against oauth2-proxy',
    ours: proxied,
    other: oauth2Proxy,
    goal: 1,
    strangers: 401,
  },
  caddy: {
    title: 'forwarded and signed in, against Caddy that asks oauth2-proxy',
    ours: proxied,
    other: caddyForwardAuth,
    goal: 1,
    strangers: 401,
  },
  verify: {
    title: 'asked by nginx, against a bare route',
    ours: gateway({ path: '/_auth/verify/nginx', heads: askedByNginx }),
    other: app('plain'),
    goal: 0.85,
    strangers: 401,
  },
  'verify-floor': {
    title: 'the same, against a route that reads and writes as much, and decides nothing',
    ours: gateway({ path: '/_auth/verify/nginx', heads: askedByNginx }),
    other: app('verify-floor'),
    strangers: 401,
  },
  nginx: {
    title: 'behind nginx, against oauth2-proxy there',
    ours: nginxWithPostern,
    other: nginxWithOAuth2Proxy,
    goal: 1.5,
    strangers: 401,
  },
}
