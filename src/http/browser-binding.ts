import { createHash, randomBytes } from 'node:crypto'
import type { CookieJar } from './cookies.ts'

export interface BrowserBinding {
  /** What a transaction remembers of the browser. */
  readonly digest: string
  readonly setCookie: string
}

const shape = /^[A-Za-z0-9_-]{22}$/

/** One stable value per browser, so that several sign-ins begun at once do not overwrite each other. */
export function browserBinding(cookieHeader: string | undefined, jar: CookieJar): BrowserBinding {
  const known = cookieHeader === undefined ? undefined : jar.readBinding(cookieHeader)
  const value = known !== undefined && shape.test(known) ? known : randomBytes(16).toString('base64url')
  return { digest: createHash('sha256').update(value).digest('base64url'), setCookie: jar.binding(value) }
}
