import { createTokens, isJohn, john, shapeOf } from './shape.ts'

/** The JSON documents are bare: a string, a boolean. */
export const shape = shapeOf(
  () => {
    const tokens = createTokens()
    return ({ path, json }) => {
      const token = typeof json === 'string' ? json : undefined
      if (path === '/validate') return { body: String(tokens.has(token)) }
      if (path === '/logout') return { body: String(tokens.end(token)) }
      const { u, p } = json as { u?: string; p?: string }
      return { body: isJohn(u, p) ? JSON.stringify(tokens.issue()) : 'false' }
    }
  },
  { subject: john.username, claims: {}, expiresIn: undefined },
)
