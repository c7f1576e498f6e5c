import { createTokens, john, shapeOf } from './shape.ts'

/** PUT, the name in the path, a final slash that matters; 404 and 409 are wrong credentials; no scheme before the token. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    return ({ method, path, headers, json }) => {
      const name = /^\/accounts\/([^/]+)\/session\/$/.exec(path)?.[1]
      if (method === 'PUT' && name !== undefined) {
        if (decodeURIComponent(name) !== john.username) return { status: 404 }
        if ((json as { secret?: string }).secret !== john.password) return { status: 409 }
        return { body: { data: { access_token: tokens.issue(), expires: Date.now() + 600_000, account: 'acc/1' } } }
      }
      if (path === '/accounts/acc%2F1/') return { status: tokens.has(headers.authorization) ? 200 : 400 }
      if (method === 'PUT' && path === '/sessions/end') return { status: tokens.end(headers.authorization) ? 200 : 400 }
      return { status: 500 }
    }
  },
  { subject: 'acc/1', claims: {}, expiresIn: 600 },
)
