import type { Call } from '../support/server.ts'
import { createTokens, isJohn, shapeOf } from './shape.ts'

/** A form with static fields and a secret header; a refresh token that can be used once; a logout that ends only that. */
export const shape = shapeOf(
  () => {
    const access = createTokens()
    const refresh = createTokens()
    const grant = () => ({
      body: {
        access_token: access.issue(),
        refresh_token: refresh.issue(),
        expires_in: 900,
        user_id: 42,
        token_type: 'bearer',
      },
    })
    const invalid = { status: 400, body: { error: 'invalid_grant' } }
    const token = ({ form, headers, body }: Call) => {
      if (headers['content-type'] !== 'application/x-www-form-urlencoded' || form.get('client_id') !== 'postern')
        return { status: 415 }
      if (headers['x-client-secret'] !== 'secret of MEMBERS_CLIENT_SECRET') return { status: 500 }
      if (form.get('grant_type') === 'refresh_token') return refresh.end(form.get('refresh_token')) ? grant() : invalid
      // Decoders of forms differ about `+`, so it must not be used for a space.
      if (form.has('otp') || body.includes('+') || form.get('scope') !== 'profile offline') return { status: 500 }
      return isJohn(form.get('username'), form.get('password')) ? grant() : invalid
    }
    return (call) => {
      const bearer = call.headers.authorization?.replace('Bearer ', '')
      switch (call.path) {
        case '/oauth/token':
          return token(call)
        case '/oauth/token/info':
          return access.has(bearer) ? { body: { user_id: 42 } } : { status: 401 }
        case '/oauth/revoke':
          refresh.end(call.form.get('token'))
          return {}
        default:
          return { status: 404 }
      }
    }
  },
  { subject: '42', claims: {}, expiresIn: 900, outlivesLogout: true },
)
