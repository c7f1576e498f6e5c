import { createTokens, isJohn, john, shapeOf } from './shape.ts'

/** A sign-in form for browsers: redirects either way, and two cookies that only count together. */
export const shape = shapeOf(
  () => {
    const sessions = createTokens()
    const auths = createTokens()
    return ({ path, form, cookies }) => {
      const known = sessions.has(cookies.get('session')) && auths.has(cookies.get('auth'))
      switch (path) {
        case '/login': {
          if (!isJohn(form.get('email'), form.get('password'))) {
            return {
              status: 302,
              headers: { location: '/login?failed', 'set-cookie': ['session=fresh', 'auth=; Max-Age=0'] },
            }
          }
          const bundle = [`auth=${auths.issue()}; HttpOnly`, 'theme=dark', `session=${sessions.issue()}; HttpOnly`]
          return { status: 302, headers: { location: '/', 'set-cookie': bundle } }
        }
        case '/api/profile':
          return { body: known ? { email: john.username, token: 'canary' } : { error: 'sign in' } }
        case '/logout':
          if (!known) return { status: 401 }
          sessions.end(cookies.get('session'))
          return { status: 302, headers: { location: '/' } }
        default:
          return { status: 404 }
      }
    }
  },
  { subject: john.username, claims: {}, expiresIn: undefined },
)
