import { transportSecurity } from '../bare-headers.ts'
import type { Html } from './html.ts'
import { styleSource } from './style-sheet.ts'

/** The policy of a page whose form is answered with a redirect to another origin: `form-action` holds for that too. */
export function withFormAction(
  headers: Readonly<Record<string, string>>,
  origin: string,
): Readonly<Record<string, string>> {
  const name = 'content-security-policy'
  return { ...headers, [name]: `${headers[name]}`.replace(ownForms, `${ownForms} ${origin}`) }
}

const ownForms = "form-action 'self'"

/**
 * The headers of an HTML page: it runs no script, loads nothing from elsewhere, posts to us only, and nobody may frame
 * it (RFC 9700 section 4.16: a framed sign-in page invites clickjacking). Build them once, not per request: the style
 * sheet is hashed here.
 *
 * @param secure whether the public address is https; only then is HSTS sent (RFC 6797 section 7.2)
 * @param style the one style sheet that the page carries
 */
export function pageHeaders({ secure, style }: { secure: boolean; style: Html }): Readonly<Record<string, string>> {
  const hsts = transportSecurity(secure)
  const policy = [
    "default-src 'none'",
    `style-src ${styleSource(style)}`,
    // Pictures stand in the page. As one, an SVG runs no script and loads nothing.
    'img-src data:',
    ownForms,
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "object-src 'none'",
  ]
  return Object.freeze({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    // Not `no-referrer`: under that, our own form posts would carry `Origin: null`, and the CSRF check refuses it.
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
    'cache-control': 'no-store',
    ...(hsts === undefined ? {} : { 'strict-transport-security': hsts }),
  })
}
