import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Config } from '../config/config.ts'
import { deviceAlgorithms } from './key.ts'

/*
 * The headers and the one document of Device Bound Session Credentials (W3C Editor's Draft), as Chromium 156 has them.
 * Values that the draft quotes come bare from it, so both are read.
 */

export interface DeviceAddresses {
  readonly registerUrl: string
  readonly refreshUrl: string
  /**
   * The same for every session, so that a newer one replaces the one before it in the browser. Browsers keep them by site:
   * a gateway beside this one under the same domain must have another.
   */
  readonly identifier: string
}

export function deviceAddresses({ publicUrl, prefix, session }: Config): DeviceAddresses {
  const own = `${publicUrl}${prefix}/device`
  const digest = createHash('sha256').update(`${own} ${session.cookie.name}`).digest('base64url')
  return { registerUrl: `${own}/register`, refreshUrl: `${own}/refresh`, identifier: `postern-${digest.slice(0, 16)}` }
}

/** `Secure-Session-Registration`: a list of inner lists with parameters (RFC 9651). */
export function registrationHeader({ prefix }: Config, challenge: string): string {
  return `(${deviceAlgorithms.join(' ')});path="${prefix}/device/register";challenge="${challenge}"`
}

/** `Secure-Session-Challenge`. */
export function challengeHeader({ identifier }: DeviceAddresses, challenge: string): string {
  return `"${challenge}";id="${identifier}"`
}

/** A string of RFC 9651, or the same without its quotes; undefined for what is neither or stands there twice. */
export function textOf(header: string | readonly string[] | undefined): string | undefined {
  if (typeof header !== 'string') return undefined
  return /^(?:"([\w.~+/=@:-]+)"|([\w.~+/=@:-]+))$/
    .exec(header)
    ?.slice(1)
    .find((text) => text !== undefined)
}

/**
 * Whether a browser says of our session that it could not refresh it, by no fault of the session: `Secure-Session-Skipped`, a
 * list of tokens with the session as parameter. Not of `quota_exceeded`: that lasts for minutes, and signing in is possible.
 */
export function createHeldUp(config: Config): (headers: IncomingHttpHeaders) => boolean {
  if (config.session.deviceBound === 'off') return () => false
  const { identifier } = deviceAddresses(config)
  const ours = new Set(['server_error', 'unreachable'].map((word) => `${word};session_identifier="${identifier}"`))
  return (headers) => {
    const skipped = headers['secure-session-skipped']
    return typeof skipped === 'string' && skipped.split(',').some((member) => ours.has(member.trim()))
  }
}

/** What the browser is told of a session: which cookie it keeps fresh, where, and for which requests. */
export function sessionInstructions({ prefix, session }: Config, { identifier }: DeviceAddresses): object {
  const { name, sameSite } = session.cookie
  return {
    session_identifier: identifier,
    refresh_url: `${prefix}/device/refresh`,
    scope: {
      include_site: false,
      // Not all of our prefix: signing out has to know of whom.
      scope_specification: [{ type: 'exclude', domain: '*', path: `${prefix}/device` }],
    },
    credentials: [
      {
        type: 'cookie',
        name,
        attributes: `Path=/; Secure; HttpOnly; SameSite=${sameSite === 'strict' ? 'Strict' : 'Lax'}`,
      },
    ],
    // With others a page elsewhere could find out, by the time that it takes, whether somebody is signed in here.
    allowed_refresh_initiators: [],
  }
}

/** The session is over, says the server; the browser forgets the key. */
export function endInstructions(identifier: string): object {
  return { session_identifier: identifier, continue: false }
}
