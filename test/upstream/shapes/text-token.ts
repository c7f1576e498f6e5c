import { createTokens, isJohn, john, shapeOf } from './shape.ts'

/** The whole answer is the token; a bad one is answered 400; its lifetime is only known from the manual. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    return ({ path, headers, json, query }) => {
      switch (path) {
        case '/token': {
          const [username, password] = json as readonly unknown[]
          if (!isJohn(username, password)) return { status: 400, body: 'Access denied' }
          return { headers: { 'content-type': 'text/plain' }, body: `${tokens.issue()}\r\n` }
        }
        case '/status':
          return { status: tokens.has(String(headers['x-token'])) ? 200 : 400, body: 'ready' }
        case '/token/drop':
          return { status: tokens.end(query.get('t')) ? 200 : 404 }
        default:
          return { status: 404 }
      }
    }
  },
  { subject: john.username, claims: {}, expiresIn: 3600 },
)
