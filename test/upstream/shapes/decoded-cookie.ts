import { createTokens, isJohn, shapeOf } from './shape.ts'

/** A cookie that is percent-encoded and presented decoded in a header; `Expires`; a logout that wants a second value. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens(() => `s:${crypto.randomUUID()}/+=`)
    return ({ method, path, headers, json }) => {
      const presented = String(headers['x-session'])
      if (path === '/api/me') return { body: tokens.has(presented) ? { id: 'w-1' } : 'null' }
      if (method === 'DELETE') {
        if (headers['x-csrf-token'] !== 'csrf-1') return { status: 403 }
        return { status: tokens.end(presented) ? 204 : 401 }
      }
      const { login, password } = json as { login?: string; password?: string }
      if (!isJohn(login, password)) return { status: 400, body: { error: 'wrong password' } }
      const expires = new Date(Date.now() + 86_400_000).toUTCString().replace(/(\d\d) (\w{3}) (\d{4})/, '$1-$2-$3')
      const cookie = `session=${encodeURIComponent(tokens.issue())}; Path=/; Expires=${expires}; Secure; HttpOnly`
      return { headers: { 'set-cookie': cookie, 'X-CSRF-Token': 'csrf-1' }, body: { id: 'w-1' } }
    }
  },
  { subject: 'w-1', claims: {}, expiresIn: 86_400 },
)
