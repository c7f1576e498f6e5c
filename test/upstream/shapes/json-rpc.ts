import { createTokens, isJohn, john, shapeOf } from './shape.ts'

interface Request {
  readonly method?: string
  readonly auth?: string
  readonly params?: { readonly username?: string; readonly password?: string; readonly sessionid?: string }
}

/** JSON-RPC with a content type of its own; every answer is 200; the token stands in the body of later calls. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    const result = (value: unknown) => ({ body: { jsonrpc: '2.0', result: value, id: 1 } })
    const error = (code: number) => ({ body: { jsonrpc: '2.0', error: { code, message: 'Invalid params.' }, id: 1 } })
    return ({ headers, json }) => {
      if (headers['content-type'] !== 'application/json-rpc') return { status: 412 }
      const { method = '', params, auth } = json as Request
      switch (method) {
        case 'user.login':
          return isJohn(params?.username, params?.password) ? result(tokens.issue()) : error(-32602)
        case 'user.checkAuthentication':
          return tokens.has(params?.sessionid) ? result({ name: 'John', sessionid: 'canary' }) : error(-32602)
        case 'user.logout':
          return tokens.end(auth) ? result(true) : error(-32602)
        default:
          return error(-32601)
      }
    }
  },
  { subject: john.username, claims: {}, expiresIn: undefined },
)
