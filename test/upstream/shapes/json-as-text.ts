import { createTokens, isJohn, shapeOf } from './shape.ts'

/** Pretty-printed JSON that calls itself text; keys on every call; a browser's headers on a login are refused. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    const text = (value: unknown) => JSON.stringify(value, undefined, 4)
    return ({ path, headers, json }) => {
      if (headers['x-tenant'] !== 'acme' || headers['x-api-key'] !== 'secret of ERP_API_KEY') return { status: 500 }
      if (headers.origin !== undefined || headers.referer !== undefined || headers.cookie !== undefined)
        return { status: 500 }
      const bearer = headers.authorization?.replace('Bearer ', '')
      if (path === '/user')
        return tokens.has(bearer) ? { body: text({ User: { Id: 'e-1', Name: 'John' } }) } : { status: 401 }
      if (path === '/logoff') return { status: tokens.end(bearer) ? 204 : 401 }
      const { Username, Password } = json as { Username?: string; Password?: string }
      if (!isJohn(Username, Password)) return { status: 401, body: text({ Message: 'unknown user' }) }
      const body = text({ User: { Id: 'e-1', Name: 'John' }, Expires: new Date(Date.now() + 900_000).toUTCString() })
      return { headers: { 'Content-Type': 'text/plain', AUTHORIZATION: `bearer ${tokens.issue()}` }, body }
    }
  },
  { subject: 'e-1', claims: { name: 'John' }, expiresIn: 900 },
)
