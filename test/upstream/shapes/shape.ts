import { randomBytes } from 'node:crypto'
import type { ProfileClaims } from '../../../src/token/claims.ts'
import { serve, type Handler, type Service } from '../support/server.ts'

/** A service of one shape, and what a sign-in there must come to. Its configuration is the YAML file of the same name. */
export interface Shape {
  start(): Promise<Service>
  readonly right: Readonly<Record<string, string>>
  readonly wrong: Readonly<Record<string, string>>
  /** What is typed in between, where there is a second step. */
  readonly step?: { readonly right: Readonly<Record<string, string>>; readonly wrong: Readonly<Record<string, string>> }
  readonly subject: string
  readonly claims: ProfileClaims
  /** Seconds until the token ends; undefined = the service does not tell, or it does not end. */
  readonly expiresIn: number | undefined
  /** Whether the token still works after this service's own logout. */
  readonly outlivesLogout?: boolean
}

/** A password with everything in it that one encoder or another takes for its own (security.md LG-07). */
export const john = { username: 'john@example.com', password: 'pä ss+/=\\"{€}&?#%20\'' } as const
export const wrongly = { ...john, password: 'wrong' } as const

export const isJohn = (username: unknown, password: unknown): boolean =>
  username === john.username && password === john.password

export const shapeOf = (
  handler: () => Handler,
  rest: Omit<Shape, 'start' | 'right' | 'wrong'> & Partial<Shape>,
): Shape => ({
  start: () => serve(handler()),
  right: john,
  wrong: wrongly,
  ...rest,
})

export interface Tokens {
  issue(): string
  has(token: string | null | undefined): boolean
  end(token: string | null | undefined): boolean
}

/** Tokens of one service, with the characters that tokens in the wild have. */
export function createTokens(make: () => string = () => `${randomBytes(24).toString('base64')}+/=:.`): Tokens {
  const alive = new Set<string>()
  return {
    issue() {
      const token = make()
      alive.add(token)
      return token
    },
    has: (token) => alive.has(token ?? ''),
    end: (token) => alive.delete(token ?? ''),
  }
}
