import { createTokens, isJohn, shapeOf } from './shape.ts'

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** The token is a JWT, and the only thing that tells who it is and when it ends. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens(() => {
      const payload = {
        sub: 'p-1',
        exp: Math.floor(Date.now() / 1000) + 1500,
        profile: { name: 'Jöhn' },
        roles: ['staff'],
        jti: crypto.randomUUID(),
      }
      return `${part({ alg: 'HS256', typ: 'JWT' })}.${part(payload)}.${Buffer.from('not checked').toString('base64url')}`
    })
    return ({ path, headers, json }) => {
      const { jwt, email, password } = json as { jwt?: string; email?: string; password?: string }
      if (path === '/jwt')
        return isJohn(email, password) ? { body: { jwt: tokens.issue() } } : { status: 400, body: {} }
      if (headers.authorization !== `JWT ${jwt}`) return { status: 500 }
      const known = path === '/jwt/verify' ? tokens.has(jwt) : tokens.end(jwt)
      return known ? { body: {} } : { status: 400, body: { error: 'invalid token' } }
    }
  },
  { subject: 'p-1', claims: { name: 'Jöhn', roles: ['staff'] }, expiresIn: 1500 },
)
