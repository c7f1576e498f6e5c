import { fastifyCookie, type SerializeOptions } from '@fastify/cookie'
import type { FastifyInstance } from 'fastify'
import { PosternError } from '../base/errors.ts'
import type { Config } from '../config/config.ts'
import type { CookieWriter } from '../life/cookie-budget.ts'
import { sealedSuffix } from '../life/credentials.ts'

/** Seconds. Longer than any transaction, so that one value serves all that a browser begins. */
const bindingMaxAge = 86_400

export interface CookieJar extends CookieWriter {
  /** The browser-binding cookie of unfinished sign-ins. */
  binding(value: string): string
  readBinding(header: string): string | undefined
  /** Every name of ours, former ones included. */
  readonly names: readonly string[]
}

/**
 * Set-Cookie values. Every one of a name has the same attributes, deletions too, or a browser would keep both
 * (RFC 6265 section 5.3; security.md CK-01).
 */
export function createCookieJar({ session, secure, prefix }: Config, app: FastifyInstance): CookieJar {
  const { name, sealedName, outName, deviceName, sameSite, formerNames } = session.cookie
  const attributes = { path: '/', httpOnly: true, secure, sameSite } as const
  // The values are base64url and dots: encoding them would change nothing but the cost.
  const encode = (value: string) => value
  const write = (cookie: string, value: string, maxAge: number, more: Partial<SerializeOptions> = {}) =>
    app.serializeCookie(cookie, value, { ...attributes, ...more, maxAge, encode })
  const device = (value: string, maxAge: number) =>
    write(deviceName, value, maxAge, { path: `${prefix}/device`, sameSite: 'strict' })
  const clear = (cookie: string) => write(cookie, '', 0)
  const bindingName = `${name}-browser`
  const all = [name, sealedName, ...formerNames.flatMap((former) => [former, `${former}${sealedSuffix}`])]
  return {
    session: (token, maxAge) => write(name, token, maxAge),
    sealed: (value, maxAge) => write(sealedName, value, maxAge),
    out: (value, maxAge) => write(outName, value, maxAge),
    device,
    clear: () => all.map(clear),
    clearSealed: () => clear(sealedName),
    clearDevice: () => device('', 0),
    // Never Strict: the way back from a provider is a navigation from another site.
    binding: (value) => write(bindingName, value, bindingMaxAge, { sameSite: 'lax' }),
    names: [...all, outName, bindingName, ...(session.deviceBound === 'off' ? [] : [deviceName])],
    readBinding: (header) => app.parseCookie(header)[bindingName],
  }
}

/** By app: names of instances with the same host. A browser sends a cookie to every port of it. */
const taken = new WeakMap<object, Set<string>>()

/**
 * Two instances that read one cookie would each refuse the sessions of the other, and delete them.
 *
 * @throws PosternError `POSTERN_COOKIE_NAME_TAKEN`
 */
export function takeCookieNames(app: FastifyInstance, { publicUrl }: Config, { names }: CookieJar): void {
  const all = taken.get(app.server) ?? new Set<string>()
  taken.set(app.server, all)
  const { hostname } = new URL(publicUrl)
  for (const name of names) {
    const key = `${hostname} ${name}`
    if (all.has(key))
      throw new PosternError(
        'POSTERN_COOKIE_NAME_TAKEN',
        `Another instance in this app has the cookie ${name}. Give each a session.cookie.name of its own.`,
      )
    all.add(key)
    // A server may outlive the app that it was made for.
    app.addHook('onClose', async () => void all.delete(key))
  }
}

/**
 * The cookie plugin for a scope of ours. Where the host app has it, in whatever order, that one serves: twice in one
 * scope it refuses to load.
 */
export async function registerCookies(scope: FastifyInstance): Promise<void> {
  if (!scope.hasDecorator('serializeCookie')) await scope.register(fastifyCookie, { hook: false })
}
