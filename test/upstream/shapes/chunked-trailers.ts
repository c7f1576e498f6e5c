import { createTokens, isJohn, shapeOf } from './shape.ts'

/** Chunked answers that end with trailers; the end of the token is the sum of two values. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    const trailers = { 'x-checksum': 'abc', authorization: 'Bearer canary' }
    return ({ method, headers, json }) => {
      const bearer = headers.authorization?.replace('Bearer ', '')
      if (method === 'GET')
        return tokens.has(bearer) ? { body: { sub: 'l-1' }, trailers } : { status: 401, body: {}, trailers }
      if (method === 'DELETE') return { status: tokens.end(bearer) ? 200 : 401, body: {}, trailers }
      const { user, password } = json as { user?: string; password?: string }
      if (!isJohn(user, password)) return { status: 401, body: { error: 'no' }, trailers }
      const issued = Math.floor(Date.now() / 1000) - 100
      return { body: { sub: 'l-1', access: { token: tokens.issue(), issued, lifetime: 1000 } }, trailers }
    }
  },
  { subject: 'l-1', claims: {}, expiresIn: 900 },
)
