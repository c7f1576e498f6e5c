import { createTokens, isJohn, john, shapeOf } from './shape.ts'

/** A second factor is asked for with a 401; what it is asked with comes back in path and header. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    const tickets = createTokens()
    return ({ path, headers, json }) => {
      const bearer = headers.authorization?.replace('Bearer ', '')
      if (path === '/auth') {
        const { user, password } = json as { user?: string; password?: string }
        if (!isJohn(user, password)) return { status: 401, body: { error: 'invalid' } }
        return {
          status: 401,
          headers: { 'X-Device': 'device-1' },
          body: { error: 'mfa_required', mfa: { ticket: tickets.issue() } },
        }
      }
      if (path.startsWith('/auth/mfa/')) {
        const { user, code } = json as { user?: string; code?: string }
        const ticket = decodeURIComponent(path.slice('/auth/mfa/'.length))
        if (!tickets.has(ticket) || headers['x-device'] !== 'device-1' || user !== john.username) return { status: 500 }
        if (code !== '123456') return { status: 422 }
        return { body: { token: tokens.issue(), expires_in: '300', user: { id: 'b1' } } }
      }
      if (path === '/me') return tokens.has(bearer) ? { body: { user: { id: 'b1' } } } : { status: 401 }
      return { status: tokens.end(bearer) ? 204 : 401 }
    }
  },
  { step: { right: { code: '123456' }, wrong: { code: '000000' } }, subject: 'b1', claims: {}, expiresIn: 300 },
)
