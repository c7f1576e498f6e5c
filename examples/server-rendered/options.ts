import type { Options } from 'postern'

export const options: Options = {
  publicUrl: 'http://localhost:8080',
  keys: { dir: './keys' },
  upstreams: {
    accounts: {
      kind: 'login',
      title: 'Example accounts',
      origin: 'http://127.0.0.1:5050',
      login: {
        request: { method: 'POST', path: '/api/login', json: { User: '{username}', Password: '{password}' } },
        token: { json: '/user/authentication_token' },
        subject: { json: '/user/id' },
        claims: { name: { json: '/user/name' }, roles: { json: '/user/roles' } },
        refusals: [{ status: [423], as: 'locked' }],
      },
      check: { request: { method: 'GET', path: '/api/me' } },
      logout: { request: { method: 'POST', path: '/api/logout' } },
    },
  },
}
