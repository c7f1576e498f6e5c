import { page } from '../../base/installed.ts'
import type { Authentication } from '../../life/authentication.ts'
import type { Config } from '../../config/config.ts'
import { reasonWords } from '../reason-words.ts'
import { requirementWords, routeCells } from '../route-words.ts'
import { columns, printable, say, toned } from '../terminal.ts'
import type { ClientAnswer, Explanation } from './explanation.ts'
import type { Row } from './rows.ts'

const width = 12

function section(name: string, lines: readonly string[]): void {
  lines.forEach((line, index) => say(`${index === 0 ? toned('quiet', name.padEnd(width)) : ' '.repeat(width)}${line}`))
}

/** For a person to read. */
export function printExplanation(explanation: Explanation, config: Config): void {
  const { method, target, host, askedBy, path, own, answers, backend, proxied, life, found, route, notes } = explanation
  const by = askedBy === 'proxy' || askedBy === 'guard' ? '' : `, as ${askedBy} asks about it`
  section('request', [`${method} ${target} of ${host}${by}`])
  section('path', path.ok ? [path.path] : [`${toned('fault', 'refused')} by ${path.rule}: ${path.why}`])
  if (own) {
    section('route', [
      `none: this is an address of the gateway itself, and answers whoever asks; see ${page('endpoints')}`,
    ])
    section('note', notes)
    return
  }
  section('route', routeLines(explanation, config))
  section('websocket', socketLines(explanation))
  section('credential', credentialLines(explanation))
  section('note', notes)
  if (route !== undefined && found.state === 'valid') {
    const asks = requirementWords(route.route.require)
    if (asks.length > 0) {
      const held = Object.entries(found.session.claims.profile).map(
        ([name, value]) => `${name}: ${printable(String(value))}`,
      )
      section('rule', [`asks for ${asks.join(', ')}`, `there is ${held.join(', ') || 'no claim'}`])
    }
  }
  if (life !== undefined) section('renewal', [renewalLine(life.renewal)])
  section('answers', columns(answers.map(answerCells)))
  const reasons = [...new Set(answers.flatMap(({ reason }) => reason ?? []))]
  section(
    'why',
    reasons.map((reason) => `${reason}: ${reasonWords(reason) ?? `see ${page('errors')}`}`),
  )
  if (backend !== undefined)
    section('backend', [
      `${backend.origin}${backend.path} is told, beside what the client sends:`,
      ...columns(Object.entries(backend.headers).map(([name, value]) => [`  ${name}:`, printable(value)])),
    ])
  if (proxied !== undefined)
    section('backend', [
      'the proxy copies to the request:',
      ...columns(Object.entries(proxied).map(([name, value]) => [`  ${name}:`, printable(value)])),
    ])
  section('not seen', [
    'what only running gateways know: sessions ended by sign-out or at the provider, limits on guessing',
  ])
}

function rowWords({ route, index }: Row): string {
  const cells = routeCells(route)
  return `routes[${index}]  ${cells.join('  ')}`
}

const nearWords: Readonly<Record<Explanation['near'][number]['but'], string>> = {
  method: 'it takes other methods',
  host: 'it is for another host',
  case: 'it is written in another case',
}

function routeLines({ route, next, near, askedBy, path }: Explanation, { routes }: Config): readonly string[] {
  const others = near.map((row) => `not ${rowWords(row)}: ${nearWords[row.but]}`)
  if (!path.ok && path.rule === 'other_case') return ['none: an address with two meanings is refused', ...others]
  if (!path.ok && route === undefined)
    return ['none: an address with two meanings is refused before any route is looked for']
  if (askedBy === 'guard')
    return [
      'none: the configuration has no route that leads anywhere, and names no proxy in forwardAuth',
      'postern serve answers 404; below is what a guard in an app says: requireAuth()',
    ]
  if (route === undefined && routes.length === 0 && askedBy !== 'proxy')
    return ['none: without routes, everything is for whoever is signed in']
  if (route === undefined) return ['none matches', ...others]
  return [
    `${rowWords(route)}: the most specific one that takes it`,
    ...next.map((row) => `then ${rowWords(row)}`),
    ...others,
  ]
}

function socketLines({ socket, route, askedBy }: Explanation): readonly string[] {
  if (socket === undefined || (route === undefined && askedBy === 'proxy')) return []
  if (askedBy === 'guard')
    return [`the app opens it: a guard looks at no Origin, so compare it there; see ${page('plugin')}`]
  if (askedBy === 'proxy' && !socket.open) return ['the route says websocket: false']
  if (socket.origins === 'any') return ['for whoever asks, from any page: the route is public']
  const asNobody = route?.route.access === 'optional' ? '; as nobody from anywhere' : ''
  return [`by cookie where Origin is ${socket.origins.join(' or ')}; by token from anywhere${asNobody}`]
}

function credentialLines({ found, carrier, life }: Explanation): readonly string[] {
  if (carrier === 'nothing' && found.state === 'absent' && found.reason === 'missing') return ['none']
  const state: Readonly<Record<Authentication['state'], string>> = {
    absent: 'counts as none',
    refused: toned('fault', 'refused'),
    unavailable: 'cannot be judged',
    valid: toned('good', 'good'),
  }
  const reason = found.state === 'absent' || found.state === 'refused' ? found.reason : undefined
  const session = found.state === 'absent' ? undefined : found.session
  return [
    `${carrier}: ${state[found.state]}${reason === undefined ? '' : `, ${reason}`}`,
    ...(session === undefined
      ? []
      : [
          `${session.kind} token of ${printable(session.claims.sub)} by upstream ${session.claims.upn}, signed by ${session.kid}, sid ${session.claims.sid}`,
        ]),
    ...(life === undefined || session === undefined ? [] : [timesLine(life)]),
  ]
}

function timesLine({ state, expiresIn, idleIn, absoluteIn }: NonNullable<Explanation['life']>): string {
  if (state === 'over' && expiresIn > 0) return `over; would have ended in ${expiresIn} s`
  return [
    expiresIn > 0 ? `good for ${expiresIn} s` : 'past its exp',
    ...(idleIn === undefined ? [] : [`idle in ${idleIn} s`]),
    ...(absoluteIn === undefined ? [] : [`over in ${absoluteIn} s at the latest`]),
  ].join(', ')
}

function renewalLine(renewal: NonNullable<Explanation['life']>['renewal']): string {
  if (renewal.due) return `due now: ${renewal.why}`
  return renewal.from === undefined ? `none: ${renewal.why}` : `not due before ${renewal.from}: ${renewal.why}`
}

function answerCells(answer: ClientAnswer): readonly string[] {
  const { client, status, form, location, reason, asNobody, renewsFirst } = answer
  const first = renewsFirst ? 'renewal first; without it: ' : ''
  if (asNobody) return [client, `${first}${toned('good', 'let through as nobody')}`]
  if (status === undefined) return [client, toned('good', 'let through'), renewsFirst ? 'renewed on the way' : '']
  const what = location === undefined ? (form ?? '') : `to ${location}`
  return [client, `${first}${status}`, what, reason ?? '']
}
