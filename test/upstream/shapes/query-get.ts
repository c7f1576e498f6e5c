import { createTokens, isJohn, john, shapeOf } from './shape.ts'

/** Everything is GET and stands in the query; every answer is 200. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    const failure = (code: number) => ({ body: { success: false, error: { code } } })
    return ({ method, path, query }) => {
      if (method !== 'GET') return { status: 405 }
      const sid = query.get('_sid')
      if (path === '/webapi/info.cgi') return tokens.has(sid) ? { body: { success: true } } : failure(119)
      if (query.get('method') === 'logout') return tokens.end(sid) ? { body: { success: true } } : failure(119)
      if (!isJohn(query.get('account'), query.get('passwd'))) return failure(400)
      return { body: { success: true, data: { sid: tokens.issue(), account: john.username } } }
    }
  },
  { subject: john.username, claims: {}, expiresIn: undefined },
)
