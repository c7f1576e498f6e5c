import { createHash, randomBytes } from 'node:crypto'
import type { CookieJar } from './cookies.ts'

export interface BrowserBinding {
  /** What a transaction remembers of the browser. */
  readonly digest: string
  /** Whether the browser brought it. */
  readonly known: boolean
  readonly setCookie: string
}

const shape = /^[A-Za-z0-9_-]{22}$/

/** One stable value per browser, so that several sign-ins begun at once do not overwrite each other. */
export function browserBinding(cookieHeader: string | undefined, jar: CookieJar): BrowserBinding {
  const known = cookieHeader === undefined ? undefined : jar.readBinding(cookieHeader)
  const kept = known !== undefined && shape.test(known) ? known : undefined
  const value = kept ?? randomBytes(16).toString('base64url')
  return {
    digest: createHash('sha256').update(value).digest('base64url'),
    known: kept !== undefined,
    setCookie: jar.binding(value),
  }
}
