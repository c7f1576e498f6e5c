import { checkVariableName, fieldNames, parseFields, parseFirstFields } from './parse-field.ts'
import type { Spot } from './faults.ts'
import { parseRefusals, parseSuccess, parseTelling } from './parse-condition.ts'
import { parseClaims, parseExpiry, parsePlace, parsePlaces, type Reach } from './parse-place.ts'
import { parseRequest } from './parse-request.ts'
import type { PlaceOptions } from './schema.ts'
import { parseSecrets } from './parse-secrets.ts'
import type { SecretSources } from './secrets.ts'
import type { LoginUpstreamOptions } from './upstream-options.ts'
import type { Secret } from '../base/secret.ts'
import type { FieldConfig, LoginCall, Place, SecondStep } from './upstream.ts'

/** How a person gets in: the form, the login call, and the call after it where there is one. */
export interface SignInConfig {
  readonly fields: readonly FieldConfig[]
  readonly secrets: ReadonlyMap<string, Secret>
  readonly login: LoginCall
  readonly secondStep: SecondStep | undefined
}

/** Beside a fault: never used, because then there is no configuration. */
const nowhere: Place = { from: 'text' }

export function parseSignIn(spot: Spot, options: LoginUpstreamOptions, sources: SecretSources): SignInConfig {
  const used = new Set<string>()
  const fields = parseFirstFields(spot.at('fields'), options.fields)
  const secrets = parseSecrets(spot.at('secrets'), options, fields, sources)
  const means = { fields, used, sources, secrets }
  const login = parseLogin(spot.at('login'), options.login, means)
  const step = options.secondStep
  const secondStep = step === undefined ? undefined : parseSecondStep(spot.at('secondStep'), step, login, means)
  if (options.login.token === undefined && step?.token === undefined) {
    spot
      .at('login', 'token')
      .fault(
        "is missing (where the service's token is); it is needed here or in `secondStep`, such as { json: /token }",
      )
  }
  const subject = options.login.subject ?? step?.subject ?? options.profile?.subject
  if (subject === undefined)
    spot
      .at('login', 'subject')
      .fault(
        'is missing (where the id of the person is); it is needed here, in `secondStep` or in `profile`, such as { json: /user/id }',
      )
  const sent = sentNames(spot, options, used)
  checkSent(spot.at('login', 'request'), fields, sent)
  checkSent(spot.at('secondStep', 'request'), secondStep?.fields ?? [], sent)
  // With its token in the second answer only, a first answer that is no step fails for want of a token, as it should.
  const token = options.login.token === undefined ? (secondStep?.token ?? nowhere) : login.token
  return { fields, secrets, login: { ...login, token }, secondStep }
}

interface Means {
  readonly fields: readonly FieldConfig[]
  /** Fields that a request has filled in. */
  readonly used: Set<string>
  readonly sources: SecretSources
  readonly secrets: ReadonlyMap<string, Secret>
}

function parseLogin(spot: Spot, login: LoginUpstreamOptions['login'], means: Means): LoginCall {
  const { fields, used, sources, secrets } = means
  const reach = { typed: new Set(fieldNames(fields, 'open')), token: true }
  return {
    request: parseRequest(spot.at('request'), login.request, {
      sources,
      secrets,
      fields: { known: new Set(fieldNames(fields)), used },
    }),
    success: parseSuccess(spot.at('success'), login.success),
    token: tokenPlace(spot, login.token, reach),
    ...grantOf(spot, login, reach),
    subject: optionalPlace(spot.at('subject'), login.subject, reach),
    claims: parseClaims(spot.at('claims'), login.claims, reach),
    refusals: parseRefusals(spot.at('refusals'), login.refusals),
  }
}

/** What is not said here is as at login. */
function parseSecondStep(
  spot: Spot,
  step: NonNullable<LoginUpstreamOptions['secondStep']>,
  login: LoginCall,
  means: Means,
): SecondStep {
  const fields = parseFields(spot.at('fields'), step.fields, means.fields)
  const names = new Set([...means.fields, ...fields].map(({ name }) => name))
  for (const name of Object.keys(step.carry ?? {})) checkVariableName(spot.at('carry', name), name, names)
  // A password is not kept while the person types something else.
  const kept = fieldNames(means.fields, fields.length === 0 ? 'all' : 'open')
  const carried = Object.keys(step.carry ?? {})
  const typed = new Set(fieldNames(means.fields, 'open'))
  const reach = { typed: new Set([...typed, ...fieldNames(fields, 'open'), ...carried]), token: true }
  const grant = grantOf(spot, step, reach)
  return {
    fields,
    when: step.when === undefined ? login.success : parseTelling(spot.at('when'), step.when),
    carry: parsePlaces(spot.at('carry'), step.carry, { typed, token: false }),
    request: parseRequest(spot.at('request'), step.request, {
      sources: means.sources,
      secrets: means.secrets,
      fields: { known: new Set([...kept, ...fieldNames(fields), ...carried]), used: means.used },
    }),
    success: parseSuccess(spot.at('success'), step.success),
    token: step.token === undefined ? login.token : tokenPlace(spot, step.token, reach),
    refreshToken: grant.refreshToken ?? login.refreshToken,
    expiry: step.expiry === undefined ? login.expiry : grant.expiry,
    values: step.values === undefined ? login.values : grant.values,
    subject: optionalPlace(spot.at('subject'), step.subject, reach) ?? login.subject,
    claims: step.claims === undefined ? login.claims : parseClaims(spot.at('claims'), step.claims, reach),
    refusals: parseRefusals(spot.at('refusals'), step.refusals),
  }
}

interface Sent {
  readonly inRequests: ReadonlySet<string>
  readonly inPlaces: ReadonlySet<string>
}

/** Undefined: a request has a fault, and may have been meant to send more than it does. */
function sentNames(
  spot: Spot,
  { login, secondStep }: LoginUpstreamOptions,
  used: ReadonlySet<string>,
): Sent | undefined {
  if (!spot.at('login', 'request').isSound() || !spot.at('secondStep', 'request').isSound()) return undefined
  const places = [login, secondStep].flatMap((call) => [
    call?.token,
    call?.subject,
    ...Object.values(call?.claims ?? {}),
    ...Object.values(call?.values ?? {}),
  ])
  const inPlaces = places.flatMap((place) => (place !== undefined && 'field' in place ? [place.field] : []))
  return { inRequests: used, inPlaces: new Set(inPlaces) }
}

/** What is sent nowhere is asked for in vain; a password above all, which then nobody checks. */
function checkSent(spot: Spot, fields: readonly FieldConfig[], sent: Sent | undefined): void {
  if (sent === undefined) return
  for (const { name, type } of fields) {
    if (sent.inRequests.has(name) || (type !== 'password' && sent.inPlaces.has(name))) continue
    spot.fault(
      `sends \`{${name}}\` nowhere, though the form asks for it; put it into the request, or take it out of \`fields\``,
    )
  }
}

interface GrantOptions {
  readonly refreshToken?: PlaceOptions | undefined
  readonly expiry?: Parameters<typeof parseExpiry>[1]
  readonly values?: Readonly<Record<string, PlaceOptions>> | undefined
}

/** Where the parts of a grant stand that one may do without. */
export function grantOf(spot: Spot, { refreshToken, expiry, values }: GrantOptions, reach: Reach) {
  const names = new Set<string>()
  for (const name of Object.keys(values ?? {})) checkVariableName(spot.at('values', name), name, names)
  return {
    refreshToken: optionalPlace(spot.at('refreshToken'), refreshToken, reach),
    expiry: parseExpiry(spot.at('expiry'), expiry),
    values: parsePlaces(spot.at('values'), values, reach),
  }
}

/** The token cannot be found inside itself. */
export function tokenPlace(spot: Spot, options: PlaceOptions | undefined, reach: Reach): Place {
  return options === undefined ? nowhere : parsePlace(spot.at('token'), options, { ...reach, token: false })
}

export function optionalPlace(spot: Spot, options: PlaceOptions | undefined, reach: Reach): Place | undefined {
  return options === undefined ? undefined : parsePlace(spot, options, reach)
}
