import type { Options } from '../config/options.ts'

/**
 * The configuration of the demo: one upstream, the embedded login service, described as any real one would be.
 *
 * @param loginOrigin origin of the login service
 */
export function demoOptions({ port, loginOrigin }: { port: number; loginOrigin: string }): Options {
  return {
    publicUrl: `http://localhost:${port}`,
    listen: { host: '127.0.0.1', port },
    upstreams: {
      accounts: {
        kind: 'login',
        title: 'Sample accounts',
        origin: loginOrigin,
        login: {
          request: { method: 'POST', path: '/api/login', json: { User: '{username}', Password: '{password}' } },
          success: { status: [200] },
          token: { json: '/user/authentication_token' },
          subject: { json: '/user/id' },
          claims: { name: { json: '/user/name' }, roles: { json: '/user/roles' } },
          refusals: [{ status: [401], as: 'bad_credentials' }],
        },
        check: { request: { method: 'GET', path: '/api/me' } },
        logout: { request: { method: 'POST', path: '/api/logout' } },
      },
    },
    exchange: { accounts: { by: 'check' } },
    clients: { cli: { public: true, scopes: ['read', 'write'] } },
    log: { level: 'warn' },
  }
}
