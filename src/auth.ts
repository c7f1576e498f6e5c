import type { Dispatcher } from 'undici'
import { inTrace } from './base/cause.ts'
import { PosternError } from './base/errors.ts'
import type { Trace } from './base/trace.ts'
import type { RequiredValue, Requirement } from './config/config.ts'
import type { Gate } from './gate.ts'
import type { Allowed } from './http/guard.ts'
import type { FetchInit } from './life/token-source.ts'
import { scopesOf } from './token/claims.ts'

/* What an app says of a guarded route, who may come in, and what its handler then sees: who did. */

/** Who a request comes from, on a guarded route. */
export interface Auth<Claims> {
  /** `sub`: the prefix of the upstream, `|`, and its id of the person. Stable and unique. */
  readonly subject: string
  /** What the configuration takes over from the upstream, as it was at the last renewal. */
  readonly claims: Claims
  /** Key of the upstream that signed the person in. */
  readonly upstream: string
  /** `sid`: one sign-in; stays the same through renewals. */
  readonly sessionId: string
  /** `dpop`: a token that is bound to the key of its client, which was proven for this request. */
  readonly carrier: 'cookie' | 'bearer' | 'dpop'
  /** Who holds the token: `postern` for a sign-in here, else the client that traded a token for it. */
  readonly clientId: string
  /** What that client was granted; empty for a sign-in here. */
  readonly scopes: readonly string[]
  /** When the token ends that this request came with, or the one that renewed it. */
  readonly expiresAt: Date
  /**
   * A request to the upstream with the person's own token.
   *
   * @param target a path, or an absolute address on the upstream's own origin
   * @throws PosternError `POSTERN_FETCH_FOREIGN_ORIGIN`, `POSTERN_FETCH_NO_TOKEN`
   */
  fetch(target: string, init?: FetchInit): Promise<Dispatcher.ResponseData>
}

/**
 * Claims that a person needs: for each, at least one of the values, of the same type. `scope` is what a client was granted.
 * Where the claims are typed, so is this.
 */
export type Require<Claims = Readonly<Record<string, unknown>>> = string extends keyof Claims
  ? Readonly<Record<string, RequiredValue | readonly RequiredValue[]>>
  : [keyof Claims] extends [never]
    ? Require
    : { readonly [Name in keyof Claims]?: Wanted<Claims[Name]> } & { readonly scope?: string | readonly string[] }

type Wanted<Value> = OneOf<Value> | readonly OneOf<Value>[]

type OneOf<Value> = unknown extends Value
  ? RequiredValue
  : Extract<Value extends readonly (infer One)[] ? One : Value, RequiredValue>

export function authOf<Claims>({ session, sealed }: Allowed, gate: Gate, trace: () => Trace): Auth<Claims> {
  const { claims } = session
  return {
    subject: claims.sub,
    // What the developer says of the claims is a promise of their configuration; the values are scalars or lists.
    claims: claims.profile as Claims,
    upstream: claims.upn,
    sessionId: claims.sid,
    carrier: session.kind === 'session' ? 'cookie' : claims.cnf === undefined ? 'bearer' : 'dpop',
    clientId: claims.client_id,
    scopes: scopesOf(claims),
    expiresAt: new Date(claims.exp * 1000),
    fetch: (target, init) => inTrace(trace(), () => gate.fetch(session, sealed, target, init)),
  }
}

/** A value that is not there is no value at all: what is missing on both sides must not be equal. */
export function requirementOf(require: object): Requirement {
  return Object.fromEntries(
    Object.entries(require).map(([claim, wanted]: [string, unknown]) => {
      const values: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted]
      if (values.length > 0 && values.every(isRequiredValue)) return [claim, values]
      throw new PosternError(
        'POSTERN_CONFIG_INVALID',
        `requireAuth({ ${claim} }) takes texts that are not empty, numbers and booleans, at least one.`,
      )
    }),
  )
}

function isRequiredValue(value: unknown): value is RequiredValue {
  return typeof value === 'string' ? value !== '' : typeof value === 'number' || typeof value === 'boolean'
}
