import { createTokens, isJohn, john, shapeOf } from './shape.ts'

/** The outcome is a word of text, the token a cookie, raw; of two cookies of one name the last counts. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    return ({ path, form, cookies }) => {
      const sid = cookies.get('SID')
      switch (path) {
        case '/api/v2/auth/login': {
          if (!isJohn(form.get('username'), form.get('password'))) return { body: 'Fails.' }
          const fresh = `SID=${tokens.issue()}; HttpOnly; SameSite=Strict; Max-Age=1800; Expires=Thu, 01 Jan 1970 00:00:00 GMT`
          return { headers: { 'set-cookie': ['SID=before; path=/', 'lang=en', fresh] }, body: 'Ok.\n' }
        }
        case '/api/v2/app/version':
          return tokens.has(sid) ? { body: 'v5.0' } : { status: 403, body: 'Forbidden' }
        case '/api/v2/auth/logout':
          tokens.end(sid)
          return { headers: { 'set-cookie': 'SID=deleted; Max-Age=0' } }
        default:
          return { status: 404 }
      }
    }
  },
  { subject: john.username, claims: {}, expiresIn: 1800 },
)
