import { createTokens, isJohn, shapeOf } from './shape.ts'

/** Two requests and nothing typed in between: a ticket in a header and a cookie, traded for the token. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    const tickets = createTokens()
    return ({ path, query, cookies, headers, json, form }) => {
      const presented = headers.authorization?.replace('Campus ', '')
      switch (path) {
        case '/sso/verify': {
          const { login, password } = json as { login?: string; password?: string }
          if (!isJohn(login, password)) return { status: 403 }
          return { status: 204, headers: { 'X-Ticket': tickets.issue(), 'set-cookie': 'flow=f-1; HttpOnly' } }
        }
        case '/sso/exchange':
          if (!tickets.end(query.get('ticket')) || cookies.get('flow') !== 'f-1' || form.get('client') !== 'postern')
            return { status: 400 }
          return {
            headers: { 'X-Expires': new Date(Date.now() + 1_800_000).toUTCString() },
            body: { id: tokens.issue(), person: 1234 },
          }
        case '/person':
          return tokens.has(presented) ? { body: { person: 1234 } } : { status: 401 }
        default:
          return { status: tokens.end(presented) ? 204 : 401 }
      }
    }
  },
  { subject: '1234', claims: {}, expiresIn: 1800 },
)
