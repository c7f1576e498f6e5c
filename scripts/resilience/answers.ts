import { request, type Agent } from 'undici'
import type { Answer } from '../../test/support/browser-client.ts'
import type { Situation } from './situation.ts'
import type { Outcome } from './tally.ts'

/** Milliseconds. Beyond it a client gives up; above all that HAProxy tries. */
const patience = 60_000

/** Undefined where there was no answer at all. */
export async function ask(
  { origin, agent }: { readonly origin: string; readonly agent: Agent },
  path: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<Answer | undefined> {
  try {
    const answer = await request(`${origin}${path}`, {
      method,
      headers,
      dispatcher: agent,
      headersTimeout: patience,
      bodyTimeout: patience,
      ...(body === undefined ? {} : { body }),
    })
    const text = await answer.body.text()
    const setCookie = answer.headers['set-cookie'] ?? []
    return {
      status: answer.statusCode,
      headers: answer.headers,
      setCookies: Array.isArray(setCookie) ? setCookie : [setCookie],
      text,
      json: () => JSON.parse(text) as Record<string, unknown>,
    }
  } catch {
    return undefined
  }
}

/** What a token says of itself; nobody verifies it here. */
export function readToken(token: string | undefined): { readonly kid: string; readonly endsAt: number } {
  const [header = '', payload = ''] = (token ?? '').split('.')
  try {
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>
    return { kid: String(read(header)['kid']), endsAt: Number(read(payload)['exp']) * 1000 }
  } catch {
    return { kid: '', endsAt: 0 }
  }
}

export function problemOf(answer: Answer | undefined): { status?: number; code?: string; requestId?: string } {
  if (answer === undefined) return { code: 'no answer' }
  const { status, headers } = answer
  if (!String(headers['content-type']).includes('json')) return { status }
  const { code, request_id: requestId } = answer.json() as { code?: string; request_id?: string }
  return { status, ...(code === undefined ? {} : { code }), ...(requestId === undefined ? {} : { requestId }) }
}

/** The gateway itself says that the login service does not answer, while it does not. A balancer's own 503 has no such headers. */
export function waits(answer: Answer | undefined, at: number, situation: Situation): boolean {
  if (answer?.status !== 503 || !situation.upstreamAwaySince(at)) return false
  return answer.headers['retry-after'] !== undefined || answer.headers['content-security-policy'] !== undefined
}

interface Asked {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** When it was sent. */
  readonly at: number
  readonly token: string
  readonly subject: string
}

/** What the answer to a request of a valid session is worth. */
export function judge(
  answer: Answer | undefined,
  { method, path, at, token, subject }: Asked,
  situation: Situation,
): Outcome {
  const { status } = answer ?? {}
  const lost = method === 'POST' && wasInFlight(answer, at, situation)
  if (answer === undefined || status === undefined) return lost ? 'in flight' : 'failed'
  const { kid, endsAt } = readToken(token)
  if (status === 200) {
    if (situation.wasGone(kid, at)) return 'wrong answer'
    const { user, url, method: asked, cookie } = answer.json()
    if (user !== subject) return 'somebody else'
    return url === path && asked === method && !String(cookie).includes('postern=') ? 'good' : 'wrong answer'
  }
  if (waits(answer, at, situation) && endsAt <= Date.now()) return 'told to wait'
  if (status === 401 || status === 303) return situation.isWithdrawn(kid) ? 'withdrawn key' : 'session lost'
  return lost ? 'in flight' : 'failed'
}

/** The same of a sign-in. @param done whether it came about */
export function signInOutcome(answer: Answer | undefined, done: boolean, at: number, situation: Situation): Outcome {
  if (done) return 'good'
  if (waits(answer, at, situation)) return 'told to wait'
  return wasInFlight(answer, at, situation) ? 'in flight' : 'failed'
}

/** Of what may not be sent twice. A balancer says 502 to 504, or hangs up. */
function wasInFlight(answer: Answer | undefined, at: number, situation: Situation): boolean {
  return situation.lostSince(at) && (answer === undefined || answer.status >= 502)
}
