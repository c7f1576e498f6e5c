import type { Reason } from '../../base/reasons.ts'
import type { Config, RouteConfig } from '../../config/config.ts'
import { resourceOf } from '../../config/resource.ts'
import type { Key } from '../../keys/key.ts'
import type { Authentication } from '../../life/authentication.ts'
import { readCredentials } from '../../life/credentials.ts'
import type { RevocationList } from '../../life/revocations.ts'
import { clientKind, renewalEligibility } from '../../route/client-kind.ts'
import { canonicalPath } from '../../route/path.ts'
import type { HeaderLine } from '../header-lines.ts'
import { backendView, type BackendView } from './backend-view.ts'
import { clientsFor } from './clients.ts'
import { lifeOf, type LifeView } from './life.ts'
import { notesOf } from './notes.ts'
import { pathRules, pathSwitches } from './path-words.ts'
import { rehearse, type Asked, type Outcome, type Rehearsal } from './rehearsal.ts'
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
  readonly next: readonly Row[]
  readonly near: Rows['near']
  /** An address of the gateway itself, which answers whoever asks. */
  readonly own: boolean
  readonly found: Authentication
  readonly carrier: 'nothing' | 'cookie' | 'bearer' | 'dpop' | 'two credentials'
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
  const { method, host: named, target } = asks
  const host = named ?? new URL(config.publicUrl).host
  const canonical = canonicalPath(target)
  const own = canonical.ok && isOwn(canonical.path, config)
  const routes = asked.by === 'proxy' ? config.routes.filter(({ backend }) => backend !== undefined) : config.routes
  const rows: Rows =
    canonical.ok && !own && asked.by !== 'guard'
      ? rowsFor(config.routes, routes, { host, method, path: canonical })
      : { taking: [], near: [] }
  const rehearsal = await rehearse(config, means)
  try {
    const [route, ...next] = rows.taking
    const { found, sealed, carrier } = await authenticated(rehearsal, asks, credential, route?.route)
    const life = await lifeOf(found, { config, gate: rehearsal.gate, keys, slide: route?.route.slide ?? true, sealed })
    const renews = life?.renewal.due === true
    const answers: ClientAnswer[] = []
    let backend: BackendView | undefined
    let proxied: Explanation['proxied']
    const isPublic = route?.route.access === 'public'
    for (const { name, headers } of own ? [] : clientsFor(method, config.publicUrl)) {
      const lines = credential.map((line) => [line.name, line.value] as const)
      const outcome = await rehearsal.send({ method, host, target, headers: [...headers, ...lines] })
      const eligibility = renewalEligibility[clientKind(method, Object.fromEntries(headers))]
      const mayRenew = eligibility === 'always' || (eligibility === 'when-expired' && life?.state === 'renewable')
      const judged = outcome.reason === undefined || outcome.reason === 'expired' || outcome.reason === 'forbidden'
      answers.push(answerOf(name, outcome, renews && mayRenew && !isPublic && judged))
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

function pathView(canonical: ReturnType<typeof canonicalPath>, answers: readonly ClientAnswer[]): Explanation['path'] {
  if (!canonical.ok) return { ok: false, rule: canonical.fault, why: pathRules[canonical.fault] ?? canonical.fault }
  const { path, query } = canonical
  if (!answers.some(({ reason }) => reason === 'ambiguous_path')) return { ok: true, path, query }
  const rule = canonical.slashAt === -1 ? 'params' : 'slash'
  return { ok: false, rule: rule === 'slash' ? 'encoded_slash' : 'path_params', why: pathSwitches[rule] }
}

function isOwn(path: string, { prefix, api, exchange }: Config): boolean {
  const documents = [
    '/.well-known/jwks.json',
    '/.well-known/oauth-authorization-server',
    ...(exchange.size === 0 ? [] : [resourceOf(api.audience)?.path]),
  ]
  return path === prefix || path.startsWith(`${prefix}/`) || documents.includes(path)
}

/** Whom the credential speaks for, whatever the rules about other sites say. */
async function authenticated(
  { gate }: Rehearsal,
  { method, target: url }: Target,
  credential: readonly HeaderLine[],
  route: RouteConfig | undefined,
) {
  const lines = credential.filter(({ name }) => name === 'cookie' || route?.authorization !== 'passthrough')
  const cookies = lines.filter(({ name }) => name === 'cookie').map(({ value }) => value)
  const authorization = lines.find(({ name }) => name === 'authorization')?.value
  const headers = {
    ...(cookies.length === 0 ? {} : { cookie: cookies.join('; ') }),
    ...(authorization === undefined ? {} : { authorization }),
  }
  const rawHeaders = lines.flatMap(({ name, value }) => [name, value])
  const found = await gate.authenticate(
    { method, headers, rawHeaders, url },
    { renew: 'never', anyOrigin: true, ...(route === undefined ? {} : { dpop: route.dpop, host: route.host }) },
  )
  const brought = readCredentials(headers, rawHeaders, gate.config.session.cookie)
  const carrier: Explanation['carrier'] =
    brought.kind === 'none'
      ? 'nothing'
      : brought.kind === 'conflict'
        ? 'two credentials'
        : brought.kind === 'cookie'
          ? 'cookie'
          : brought.scheme
  return { found, carrier, sealed: brought.kind === 'cookie' ? brought.sealed : undefined }
}

function answerOf(client: string, outcome: Outcome, renewsFirst: boolean): ClientAnswer {
  const { status, headers, reason, forwarded, passed } = outcome
  if (forwarded !== undefined || passed)
    return { client, status: undefined, form: undefined, location: undefined, reason: undefined, renewsFirst }
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
  return { client, status, form, location, reason, renewsFirst }
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
