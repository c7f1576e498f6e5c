import type { Options } from '../../src/config/options.ts'
import { publishAhead } from './incidents.ts'

interface Given {
  readonly origin: string
  readonly service: string
  readonly backend: string
  readonly redis: string
  /** Seconds. */
  readonly life: number
}

/** One file for every replica; ports and the number of workers come from the environment. Lives are as short as can be. */
export function configuration({ origin, service, backend, redis, life }: Given): Options {
  const upstream = (kind: string) =>
    ({
      kind: 'login',
      origin: service,
      timeout: '5s',
      login: {
        request: { method: 'POST', path: `/${kind}/login`, json: { user: '{username}', password: '{password}' } },
        token: { json: '/token' },
        subject: { json: '/id' },
      },
    }) as const
  const rotating = upstream('rotating')
  return {
    publicUrl: origin,
    trustedProxies: ['127.0.0.1/32'],
    replicas: 3,
    shutdownTimeout: '10s',
    keys: { dir: './keys', publishAhead: `${publishAhead}ms` },
    session: { tokenTtl: `${life}s` },
    api: { tokenTtl: `${life}s` },
    revocations: { file: './revocations.yaml' },
    upstreams: {
      rotating: {
        ...rotating,
        login: {
          ...rotating.login,
          refreshToken: { json: '/refresh_token' },
          expiry: { json: '/expires_in', unit: 'seconds' },
        },
        refresh: { request: { method: 'POST', path: '/rotating/refresh', json: { refresh_token: '{refreshToken}' } } },
        logout: { request: { method: 'POST', path: '/rotating/logout' } },
      },
      checked: { ...upstream('checked'), check: { request: { method: 'GET', path: '/checked/me' } } },
    },
    routes: [{ path: '/app/', backend }],
    // One slow answer is no outage where everything shares two cores.
    facts: { redis: { url: redis, timeout: '2s' } },
    rateLimit: {
      login: { perAccountAndAddress: '1000/1m', perAddress: '10000/1m', perAccount: '1000/1m' },
    },
  }
}
