import { createTokens, isJohn, shapeOf } from './shape.ts'

/** Sign-in gives a token and nothing else; who that is, and until when, is a second call with a test of its own. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    return ({ path, headers, json }) => {
      if (path === '/session') {
        const { username, password } = json as { username?: string; password?: string }
        return isJohn(username, password) ? { body: { token: tokens.issue() } } : { status: 401 }
      }
      // It wants this header on every call with a token.
      if (headers['x-api-version'] !== '2') return { status: 400 }
      if (path === '/session/end') return { status: tokens.end((json as { token?: string }).token) ? 200 : 404 }
      if (!tokens.has(headers.authorization?.replace('Bearer ', ''))) return { body: {} }
      const secrets = { password_hash: '$2b$10$canary', token: 'canary', address: { street: 'canary' } }
      const session = { expires: new Date(Date.now() + 7_200_000).toISOString().replace(/\.\d+Z/, '+00:00') }
      return { body: { id: 5, name: 'John', roles: ['user', 'admin'], session, ...secrets } }
    }
  },
  { subject: '5', claims: { name: 'John', roles: ['user', 'admin'] }, expiresIn: 7200 },
)
