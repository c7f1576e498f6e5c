import { createTokens, isJohn, john, shapeOf } from './shape.ts'

const key = 'secret of INDEX_APP_KEY'

/** A secret of the client's in the body; the token as the password of HTTP Basic, and traded for the next one by itself. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    const grant = () => ({ body: { password: tokens.issue(), expires_in: 600 } })
    return ({ path, method, headers, json }) => {
      const basic = Buffer.from(headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString()
      const presented = basic.startsWith(`${john.username}:`) ? basic.slice(john.username.length + 1) : undefined
      switch (path) {
        case '/login': {
          const { user, secret, app } = json as { user?: string; secret?: string; app?: { key?: string } }
          if (app?.key !== key) return { status: 400 }
          return isJohn(user, secret) ? grant() : { status: 401 }
        }
        case '/whoami':
          return { body: tokens.has(presented) ? { user: john.username, groups: ['staff'] } : { anonymous: true } }
        case '/renew': {
          const sent = json as { password?: string; key?: string }
          return sent.key === key && tokens.end(sent.password) ? grant() : { status: 401 }
        }
        default:
          return { status: method === 'DELETE' && tokens.end(presented) ? 204 : 401 }
      }
    }
  },
  { subject: john.username, claims: { groups: ['staff'] }, expiresIn: 600 },
)
