import type { ClientKind } from './client-kind.ts'

/** `redirect`: 303 to sign-in. `page`: an HTML page. `problem`: problem details (RFC 9457). */
export type AnswerForm = 'redirect' | 'page' | 'problem'

const documents: ReadonlySet<ClientKind> = new Set(['navigation', 'form', 'frame'])
const neverRedirected: ReadonlySet<ClientKind> = new Set(['prefetch', 'cross-site'])

/** The form of every refusal that is not about being signed in. */
export function formatFor(kind: ClientKind): 'page' | 'problem' {
  return documents.has(kind) ? 'page' : 'problem'
}

/** The form of "not signed in". A POST is never redirected: what was typed would be lost. */
export function answerFor(kind: ClientKind, onAnonymous: 'auto' | 'redirect' | '401', method: string): AnswerForm {
  const reading = method === 'GET' || method === 'HEAD'
  if (onAnonymous === 'redirect' && reading && !neverRedirected.has(kind)) return 'redirect'
  if (onAnonymous === 'auto' && kind === 'navigation') return 'redirect'
  return formatFor(kind)
}
