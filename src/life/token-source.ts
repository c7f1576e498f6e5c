import { request, type Dispatcher } from 'undici'
import { currentTrace } from '../base/cause.ts'
import { PosternError } from '../base/errors.ts'
import { statusLabel } from '../base/meters.ts'
import type { Sealer } from '../token/seal.ts'
import { failureOf } from '../upstream/call.ts'
import { callWords } from '../upstream/observed.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Session } from './authentication.ts'
import { upstreamSubject } from './session.ts'

/** What a handler may say about a request to the upstream. The token is added here and nowhere else. */
export interface FetchInit {
  readonly method?: Dispatcher.HttpMethod
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly signal?: AbortSignal
}

/**
 * A request to the upstream with the person's own token.
 *
 * @param measured hears what became of it, when the answer begins
 * @param target a path, or an absolute address on the upstream's own origin
 * @throws PosternError `POSTERN_FETCH_FOREIGN_ORIGIN` for any other origin and for what is no address,
 *   `POSTERN_FETCH_NO_TOKEN` when the token cannot be opened. Redirects are not followed: the token goes to the configured origin only.
 */
export async function fetchFromUpstream(
  upstream: Upstream | undefined,
  sealer: Sealer,
  session: Session,
  sealed: string | undefined,
  target: string,
  init: FetchInit = {},
  measured: (outcome: string, seconds: number) => void = () => undefined,
): Promise<Dispatcher.ResponseData> {
  const content = sealed === undefined ? undefined : await sealer.open(sealed, session.claims.sid)
  if (upstream === undefined || content === undefined) {
    throw new PosternError(
      'POSTERN_FETCH_NO_TOKEN',
      'The upstream token of this session cannot be opened; the person has to sign in again.',
    )
  }
  const url = URL.parse(target, upstream.origin)
  if (url === null || url.origin !== upstream.origin) {
    throw new PosternError('POSTERN_FETCH_FOREIGN_ORIGIN', `auth.fetch() goes to ${upstream.origin} only.`)
  }
  const shown = upstream.present(content, upstreamSubject(session.claims))
  const taken = new Set(Object.keys(shown).map((name) => name.toLowerCase()))
  const kept = Object.entries(init.headers ?? {}).filter(([name]) => !taken.has(name.toLowerCase()))
  const step = currentTrace()?.begin()
  const traced = step?.trace.headers()
  const startedAt = performance.now()
  const ended = (outcome: string, status: number | undefined, failed: boolean) => {
    measured(outcome, (performance.now() - startedAt) / 1000)
    step?.end(() => callWords(upstream, 'fetch', outcome, status, failed))
  }
  const response = await request(url, {
    dispatcher: upstream.dispatcher,
    method: init.method ?? 'GET',
    headers: { ...traced, ...Object.fromEntries(kept), ...shown },
    ...(init.body === undefined ? {} : { body: init.body }),
    ...(init.signal === undefined ? {} : { signal: init.signal }),
  }).catch((error: unknown) => {
    if (init.signal?.aborted === true) ended('aborted', undefined, false)
    else ended(failureOf(error).as, undefined, true)
    throw error
  })
  ended(statusLabel(response.statusCode), response.statusCode, response.statusCode >= 500)
  return response
}
