import { createTokens, isJohn, shapeOf } from './shape.ts'

/** The refresh token is a cookie beside a token in JSON, and is replaced at each use; refusals are lists of errors. */
export const shape = shapeOf(
  () => {
    const access = createTokens()
    const refresh = createTokens(() => crypto.randomUUID())
    const user = { id: '3', name: 'John' }
    const grant = () => ({
      headers: { 'set-cookie': `rt=${refresh.issue()}; Path=/auth; HttpOnly; Secure` },
      body: { data: { login: { accessToken: access.issue(), expiresIn: 60, user } } },
    })
    return ({ path, headers, json, cookies }) => {
      const bearer = headers.authorization?.replace('Bearer ', '')
      const used = cookies.get('rt')
      switch (path) {
        case '/auth/login': {
          const { email, password } = json as { email?: string; password?: string }
          return isJohn(email, password) ? grant() : { body: { data: null, errors: [{ code: 'UNAUTHENTICATED' }] } }
        }
        case '/auth/refresh':
          return refresh.end(used) ? grant() : { status: 401 }
        case '/auth/logout':
          return { status: access.end(bearer) && refresh.end(used) ? 200 : 400 }
        default:
          return { body: { data: { viewer: access.has(bearer) ? user : null } } }
      }
    }
  },
  { subject: '3', claims: {}, expiresIn: 60 },
)
