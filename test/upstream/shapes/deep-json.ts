import { isDeepStrictEqual } from 'node:util'
import { createTokens, john, shapeOf } from './shape.ts'

const account = {
  auth: {
    identity: {
      methods: ['password'],
      password: { user: { name: john.username, domain: { id: 'default' }, password: john.password } },
    },
  },
}

/** JSON six levels deep, the token in a header of the answer, presented in another header. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens(() => crypto.randomUUID())
    const user = { user: { id: '8e1f', name: 'John', password_hash: 'canary' }, roles: ['member', 'reader'] }
    return ({ method, path, json, headers }) => {
      if (path !== '/v3/auth/tokens') return { status: 404 }
      const presented = String(headers['x-auth-token'])
      if (method === 'GET')
        return tokens.has(presented) ? { body: { token: user } } : { status: 401, body: { error: {} } }
      if (method === 'DELETE') return { status: tokens.end(presented) ? 204 : 401 }
      if (!isDeepStrictEqual(json, account))
        return { status: 401, body: { error: { code: 401, message: 'no such user' } } }
      // Six decimals, as some of them write it.
      const expires_at = new Date(Date.now() + 3_600_000).toISOString().replace('Z', '000Z')
      return { status: 201, headers: { 'X-Subject-Token': tokens.issue() }, body: { token: { ...user, expires_at } } }
    }
  },
  {
    subject: '8e1f',
    claims: { name: 'John', roles: ['member', 'reader'], firstRole: 'member' },
    expiresIn: 3600,
  },
)
