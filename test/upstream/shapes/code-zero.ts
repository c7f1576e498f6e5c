import { createTokens, isJohn, shapeOf } from './shape.ts'

/** Always 200; a number in the body tells, and its type matters. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    return ({ path, headers, json }) => {
      const bearer = headers.authorization?.replace('Bearer ', '')
      switch (path) {
        case '/login': {
          const { user, pass } = json as { user?: string; pass?: string }
          if (!isJohn(user, pass)) return { body: { code: 1001, msg: 'wrong password for john' } }
          const data = `{"token":"${tokens.issue()}","ttl":1200000,"uid":900719925474099301,"active":true,"level":3,"admin":null}`
          return { body: `{"code":0,"data":${data}}` }
        }
        case '/ping':
          return { body: { code: tokens.has(bearer) ? 0 : '0' } }
        case '/logout':
          return { body: { code: tokens.end(bearer) ? 0 : 401 } }
        default:
          return { status: 404 }
      }
    }
  },
  { subject: '900719925474099301', claims: { active: true, level: 3 }, expiresIn: 1200 },
)
