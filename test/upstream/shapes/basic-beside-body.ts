import { isDeepStrictEqual } from 'node:util'
import { createTokens, john, shapeOf } from './shape.ts'

const credentials = `Basic ${Buffer.from(`${john.username}:${john.password}`).toString('base64')}`

/** HTTP Basic of the person's own credentials beside a JSON body; scheme `Token`; logout names the token in the path. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    return ({ method, path, headers, json }) => {
      if (path === '/api/v1/users/john%40example.com/tokens' && method === 'POST') {
        if (headers.authorization !== credentials) return { status: 401 }
        if (!isDeepStrictEqual(json, { name: 'postern', scopes: ['read', 'write'] })) return { status: 422 }
        const expires = Math.floor(Date.now() / 1000) + 7200
        return { status: 201, body: { id: 17, sha1: tokens.issue(), expires, owner: { id: 7 } } }
      }
      if (path === '/api/v1/user') {
        return tokens.has(headers.authorization?.replace('Token ', ''))
          ? { body: { id: 7, login: 'john' } }
          : { status: 401 }
      }
      const named = /^\/api\/v1\/tokens\/17\/([^/]+)$/.exec(path)?.[1]
      if (method !== 'DELETE' || named === undefined) return { status: 404 }
      return { status: tokens.end(decodeURIComponent(named)) ? 204 : 400 }
    }
  },
  { subject: '7', claims: {}, expiresIn: 7200 },
)
