import type { Reason } from '../../base/reasons.ts'
import type { Config } from '../../config/config.ts'
import { resourceOf } from '../../config/resource.ts'
import type { Key } from '../../keys/key.ts'
import type { Authentication } from '../../life/authentication.ts'
import type { RevocationList } from '../../life/revocations.ts'
import { clientKind, renewalEligibility } from '../../route/client-kind.ts'
import { canonicalPath } from '../../route/path.ts'
import type { HeaderLine } from '../header-lines.ts'
import { backendView, type BackendView } from './backend-view.ts'
import { clientsFor, socketClients } from './clients.ts'
import { authenticated, type Carrier } from './credential.ts'
import { lifeOf, type LifeView } from './life.ts'
import { notesOf } from './notes.ts'
import { pathRules, pathSwitches } from './path-words.ts'
import { rehearse, type Asked, type Outcome } from './rehearsal.ts'
import type { Target } from './request.ts'
import { rowsFor, type Row, type Rows } from './rows.ts'

/** What one kind of client would get. */
export interface ClientAnswer {
  readonly client: string
  /** Undefined: it goes on to the backend, the app, or through the proxy. */
  readonly status: number | undefined
  /** Of a refusal: what it looks like. */
  readonly form: 'redirect' | 'page' | 'problem' | 'empty' | undefined
  readonly location: string | undefined
  readonly reason: Reason | undefined
  /** It goes on, and whoever sent the credential is not named: it has ended, or there is none. */
  readonly asNobody: boolean
  /** A renewal comes first, or while it is answered; the rest holds where that fails. */
  readonly renewsFirst: boolean
}

export interface Explanation {
  readonly method: string
  readonly host: string
  readonly target: string
  readonly askedBy: Asked['by']
  readonly path:
    | { readonly ok: true; readonly path: string; readonly query: string }
    | { readonly ok: false; readonly rule: string; readonly why: string }
  /** Undefined: no route is asked about, or none matches. */
  readonly route: Row | undefined
  /** Who may open a WebSocket by cookie; undefined: none is asked for. */
  readonly socket: { readonly open: boolean; readonly origins: readonly string[] | 'any' } | undefined
  readonly next: readonly Row[]
  readonly near: Rows['near']
  /** An address of the gateway itself, which answers whoever asks. */
  readonly own: boolean
  readonly found: Authentication
  readonly carrier: Carrier
  readonly life: LifeView | undefined
  readonly answers: readonly ClientAnswer[]
  readonly backend: BackendView | undefined
  /** What a front proxy copies to the request that it lets through. */
  readonly proxied: Readonly<Record<string, string>> | undefined
  /** Traps that no answer tells. */
  readonly notes: readonly string[]
}

export interface Means {
  readonly config: Config
  readonly keys: readonly Key[]
  readonly revocations: RevocationList | undefined
  readonly asked: Asked
}

/** Asks the gateway's own handlers what each kind of client would get. Nothing is asked of any upstream. */
export async function explainRequest(
  asks: Target,
  credential: readonly HeaderLine[],
  means: Means,
): Promise<Explanation> {
  const { config, asked, keys } = means
  const { method, host: named, target, opensSocket } = asks
  const host = named ?? new URL(config.publicUrl).host
  const canonical = canonicalPath(target)
  // No WebSocket is opened at an endpoint; a public document is one for those who read it.
  const reserved =
    canonical.ok && (isEndpoint(canonical.path, config) || (!opensSocket && isPublicDocument(canonical.path, config)))
  const own = reserved && !opensSocket
  const routes = asked.by === 'proxy' ? config.routes.filter(({ backend }) => backend !== undefined) : config.routes
  const rows: Rows =
    canonical.ok && !reserved && asked.by !== 'guard'
      ? rowsFor(config.routes, routes, { host, method, path: canonical })
      : { taking: [], near: [] }
  const rehearsal = await rehearse(config, means)
  try {
    const [route, ...next] = rows.taking
    const { found, sealed, carrier } = await authenticated(rehearsal, asks, credential, route?.route)
    const slide = !opensSocket && (route?.route.slide ?? true)
    const life = await lifeOf(found, { config, gate: rehearsal.gate, keys, slide, sealed })
    const renews = life?.renewal.due === true
    const answers: ClientAnswer[] = []
    let backend: BackendView | undefined
    let proxied: Explanation['proxied']
    const isPublic = route?.route.access === 'public'
    const clients = opensSocket
      ? socketClients(config.publicUrl, route?.route.cors ?? [])
      : clientsFor(method, config.publicUrl)
    for (const { name, headers } of own ? [] : clients) {
      const lines = credential.map((line) => [line.name, line.value] as const)
      const outcome = await rehearsal.send({ method, host, target, opensSocket, headers: [...headers, ...lines] })
      const eligibility = renewalEligibility[clientKind(method, Object.fromEntries(headers))]
      const eligible = eligibility === 'always' || (eligibility === 'when-expired' && life?.state === 'renewable')
      const judged = outcome.reason === undefined || outcome.reason === 'expired' || outcome.reason === 'forbidden'
      const renewsFirst = renews && outcome.mayRenew && eligible && !isPublic && judged
      const asNobody = route?.route.access === 'optional' && isNobodys(outcome)
      answers.push({ client: name, ...answerOf(outcome), asNobody, renewsFirst })
      const sent = new Set([...headers, ...lines].map(([header]) => header))
      backend ??= backendView(outcome, rehearsal.gate, sent)
      if (asked.by !== 'proxy' && asked.by !== 'guard' && outcome.passed) proxied ??= copied(outcome)
    }
    return {
      method,
      host,
      target,
      askedBy: asked.by,
      path: pathView(canonical, answers),
      route,
      socket: opensSocket ? socketView(route, config) : undefined,
      next,
      near: rows.near,
      own,
      found,
      carrier,
      life,
      answers,
      backend,
      proxied,
      notes: notesOf(asks, credential, carrier, config),
    }
  } finally {
    await rehearsal.close()
  }
}

function socketView(row: Row | undefined, { publicUrl }: Config): Explanation['socket'] {
  const isPublic = row?.route.access === 'public'
  return { open: row?.route.websocket ?? true, origins: isPublic ? 'any' : [publicUrl, ...(row?.route.cors ?? [])] }
}

function pathView(canonical: ReturnType<typeof canonicalPath>, answers: readonly ClientAnswer[]): Explanation['path'] {
  if (!canonical.ok) return { ok: false, rule: canonical.fault, why: pathRules[canonical.fault] ?? canonical.fault }
  const { path, query } = canonical
  if (!answers.some(({ reason }) => reason === 'ambiguous_path')) return { ok: true, path, query }
  if (canonical.slashAt !== -1) return { ok: false, rule: 'encoded_slash', why: pathSwitches.slash }
  if (canonical.paramsAt !== -1) return { ok: false, rule: 'path_params', why: pathSwitches.params }
  return { ok: false, rule: 'other_case', why: pathSwitches.case }
}

function isEndpoint(path: string, { prefix }: Config): boolean {
  return path === prefix || path.startsWith(`${prefix}/`)
}

function isPublicDocument(path: string, { api, exchange }: Config): boolean {
  const documents = [
    '/.well-known/jwks.json',
    '/.well-known/oauth-authorization-server',
    ...(exchange.size === 0 ? [] : [resourceOf(api.audience)?.path]),
  ]
  return documents.includes(path)
}

/** Whether it goes on without a name. A front proxy is told so by an empty header. */
function isNobodys({ forwarded, passed, headers }: Outcome): boolean {
  return forwarded === undefined ? passed && headers['x-forwarded-user'] === '' : forwarded.who === undefined
}

function answerOf(outcome: Outcome): Pick<ClientAnswer, 'status' | 'form' | 'location' | 'reason'> {
  const { status, headers, reason, forwarded, passed } = outcome
  if (forwarded !== undefined || passed)
    return { status: undefined, form: undefined, location: undefined, reason: undefined }
  const type = headers['content-type'] ?? ''
  const form =
    headers.location !== undefined || headers['x-postern-answer'] === 'redirect'
      ? 'redirect'
      : type.startsWith('text/html')
        ? 'page'
        : type === ''
          ? 'empty'
          : 'problem'
  const told = headers['x-postern-location']
  const location = headers.location ?? (form === 'redirect' && typeof told === 'string' ? told : undefined)
  return { status, form, location, reason }
}

/** Headers of a front proxy's answer that are for the backend. */
function copied({ headers }: Outcome): Readonly<Record<string, string>> {
  const view: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') continue
    if (name.startsWith('x-forwarded-') || name.startsWith('remote-') || name.startsWith('x-auth-request-'))
      view[name] = value
    if (name === 'authorization') view[name] = value === '' ? '' : '(masked)'
  }
  return view
}
