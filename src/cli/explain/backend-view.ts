import type { Gate } from '../../gate.ts'
import { identityMap } from '../../forward/identity.ts'
import type { Outcome } from './rehearsal.ts'

/** What a backend would be told, secrets masked. */
export interface BackendView {
  readonly origin: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

const plainNames = new Set(['x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-for'])

/** Only what the gateway says itself: what the client sends beside it goes through or not, see docs/forwarding.md. */
export function backendView({ forwarded }: Outcome, gate: Gate, sent: ReadonlySet<string>): BackendView | undefined {
  if (forwarded === undefined) return undefined
  const { route, path, headers } = forwarded
  const shown = new Set([...plainNames, ...identityMap(gate.config.identityHeaders).keys()])
  const view: Record<string, string> = { 'x-forwarded-for': "(the client's address)" }
  for (let index = 0; index < headers.length; index += 2) {
    const name = (headers[index] ?? '').toLowerCase()
    const value = headers[index + 1] ?? ''
    const fixed = route.headers.get(name)
    if (shown.has(name) || typeof fixed === 'string') view[name] = value
    else if (fixed !== undefined) view[name] = '(masked: from a secret of the configuration)'
    else if (name === 'authorization') view[name] = `${scheme(value)}(masked: ${credentialWords(route, sent)})`
    else if (!sent.has(name)) view[name] = `(masked: ${credentialWords(route, sent)})`
  }
  return { origin: route.backend, path, headers: view }
}

function credentialWords(
  { credentials, audience }: NonNullable<Outcome['forwarded']>['route'],
  sent: ReadonlySet<string>,
): string {
  if (credentials === 'upstream') return "the person's token of the upstream"
  if (credentials === 'assertion') return `an assertion for ${audience}`
  return sent.has('authorization') ? "the client's own" : 'a credential'
}

function scheme(value: string): string {
  const match = /^[A-Za-z]{1,20} /.exec(value)
  return match === null ? '' : match[0]
}
