import { clientCodes, reasons, type ClientCode, type Reason } from '../base/reasons.ts'

/** Problem details (RFC 9457). `status` equals the status of the answer. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ClientCode
  /** Our own words about this very request; never a value that was sent. */
  readonly detail?: string
  /** Where to sign in, on 401. */
  readonly login_url?: string
  /** What an operator finds the log record by. */
  readonly request_id?: string
}

export const problemType = 'application/problem+json; charset=utf-8'

export function problemOf(code: ClientCode): Problem {
  const { status, title } = clientCodes[code]
  return { type: `urn:postern:problem:${code}`, title, status, code }
}

/** By the code that Fastify gives its errors. */
const frameworkReasons: Readonly<Record<string, Reason>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_BAD_URL: 'ambiguous_path',
  FST_ERR_MAX_PARAM_LENGTH: 'ambiguous_path',
}

/**
 * Why a request failed, of anything that was thrown. What is not known is `internal`: its message stays inside, because
 * it may quote a token or a password (security.md EH-01).
 */
export function reasonOf(error: unknown): Reason {
  if (!(error instanceof Error)) return 'internal'
  const known = 'code' in error && typeof error.code === 'string' ? frameworkReasons[error.code] : undefined
  if (known !== undefined) return known
  const status = 'statusCode' in error ? error.statusCode : undefined
  if (status === 415) return 'unsupported_media_type'
  if (status === 413) return 'too_large'
  return typeof status === 'number' && status >= 400 && status < 500 ? 'bad_request' : 'internal'
}

export function codeOf(reason: Reason): ClientCode {
  return reasons[reason]
}
