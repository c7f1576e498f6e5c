import { parseRefusals, parseSuccess, successful } from './parse-condition.ts'
import type { Spot } from './faults.ts'
import { fieldNames } from './parse-field.ts'
import { parseClaims, parseExpiry, parsePlace, type Reach } from './parse-place.ts'
import { parseRequest, type RequestMeans } from './parse-request.ts'
import { grantOf, optionalPlace, tokenPlace, type SignInConfig } from './parse-sign-in.ts'
import type { SecretSources } from './secrets.ts'
import type { LoginUpstreamOptions } from './upstream-options.ts'
import type { CheckCall, LogoutCall, Place, Presentation, ProfileCall, RefreshCall } from './upstream.ts'

/** What is asked about a token once there is one. */
export interface LaterConfig {
  readonly profile: ProfileCall | undefined
  readonly check: CheckCall | undefined
  readonly refresh: RefreshCall | undefined
  readonly logout: LogoutCall | undefined
}

/** Nobody types anything any more. */
const reach: Reach = { token: true }

/** An answer that a token had ended already is as good as one that it ends now. */
const ended = [...successful, 400, 401, 403, 404]

export function parseLater(
  spot: Spot,
  options: LoginUpstreamOptions,
  signIn: SignInConfig,
  present: Presentation,
  sources: SecretSources,
): LaterConfig {
  const known = laterFields(signIn)
  const presentsCookie = present.token.as === 'cookie' || present.token.as === 'cookies'
  const means: RequestMeans = { sources, fields: { known, used: new Set() }, presentsCookie }
  const profile =
    options.profile === undefined ? undefined : parseProfile(spot.at('profile'), options.profile, signIn, means)
  return {
    profile,
    check:
      options.check === undefined
        ? checkByProfile(profile)
        : parseCheck(spot.at('check'), options.check, signIn, means),
    refresh:
      options.refresh === undefined ? undefined : parseRefresh(spot.at('refresh'), options.refresh, signIn, means),
    logout: options.logout === undefined ? undefined : parseLogout(spot.at('logout'), options.logout, means),
  }
}

/** What later requests may fill in. */
function laterFields({ login, secondStep }: SignInConfig): ReadonlySet<string> {
  const refreshable = login.refreshToken !== undefined || secondStep?.refreshToken !== undefined
  return new Set([
    'token',
    ...(refreshable ? ['refreshToken'] : []),
    'subject',
    ...login.values.keys(),
    ...(secondStep?.values.keys() ?? []),
  ])
}

function parseProfile(
  spot: Spot,
  options: NonNullable<LoginUpstreamOptions['profile']>,
  signIn: SignInConfig,
  means: RequestMeans,
): ProfileCall {
  const { fields, login, secondStep } = signIn
  const typed = new Set([...fieldNames(fields, 'open'), ...fieldNames(secondStep?.fields ?? [], 'open')])
  const known = new Set(means.fields.known)
  // Before the profile has told who it is, only the sign-in itself can have.
  if (login.subject === undefined && secondStep?.subject === undefined) known.delete('subject')
  return {
    request: parseRequest(spot.at('request'), options.request, {
      ...means,
      fields: { known, used: means.fields.used },
    }),
    success: parseSuccess(spot.at('success'), options.success),
    subject: optionalPlace(spot.at('subject'), options.subject, { typed, token: true }),
    claims: parseClaims(spot.at('claims'), options.claims, { typed, token: true }),
    expiry: options.expiry === undefined ? undefined : parseExpiry(spot.at('expiry'), options.expiry),
  }
}

/** Without a check call the profile call is it: the same question with the same answer. */
function checkByProfile(profile: ProfileCall | undefined): CheckCall | undefined {
  if (profile === undefined) return undefined
  const { request, success, subject, claims } = profile
  return {
    request,
    success,
    subject: subject?.from === 'field' ? undefined : subject,
    claims: withoutTyped(claims),
    refusals: [],
  }
}

function parseCheck(
  spot: Spot,
  options: NonNullable<LoginUpstreamOptions['check']>,
  { login, secondStep }: SignInConfig,
  means: RequestMeans,
): CheckCall {
  const at = secondStep ?? login
  return {
    request: parseRequest(spot.at('request'), options.request, means),
    success: parseSuccess(spot.at('success'), options.success),
    refusals: parseRefusals(spot.at('refusals'), options.refusals),
    subject:
      options.subject === undefined ? inBody(at.subject) : parsePlace(spot.at('subject'), options.subject, reach),
    claims:
      options.claims === undefined ? placesInBody(at.claims) : parseClaims(spot.at('claims'), options.claims, reach),
  }
}

/** What is not said here is as at login; of a sign-in in two steps, as at the step that gives the token. */
function parseRefresh(
  spot: Spot,
  options: NonNullable<LoginUpstreamOptions['refresh']>,
  { login, secondStep }: SignInConfig,
  means: RequestMeans,
): RefreshCall {
  const at = secondStep ?? login
  const grant = grantOf(spot, options, reach)
  if (at.refreshToken === undefined)
    spot.fault('there is no refresh token to trade; say where it is in `refreshToken` of `login`')
  const used = new Set<string>()
  const request = parseRequest(spot.at('request'), options.request, {
    ...means,
    presentsCookie: false,
    fields: { known: means.fields.known, used },
  })
  if (at.refreshToken !== undefined && spot.at('request').isSound() && !used.has('refreshToken')) {
    spot.at('request').fault('sends the refresh token nowhere; put `{refreshToken}` into it')
  }
  return {
    request,
    success: parseSuccess(spot.at('success'), options.success),
    refusals: parseRefusals(spot.at('refusals'), options.refusals),
    token: options.token === undefined ? at.token : tokenPlace(spot, options.token, reach),
    refreshToken: grant.refreshToken ?? at.refreshToken,
    expiry: options.expiry === undefined ? at.expiry : grant.expiry,
    values: options.values === undefined ? at.values : grant.values,
    concurrent: options.concurrent ?? false,
  }
}

function parseLogout(
  spot: Spot,
  options: NonNullable<LoginUpstreamOptions['logout']>,
  means: RequestMeans,
): LogoutCall {
  return {
    request: parseRequest(spot.at('request'), options.request, means),
    success: parseSuccess(spot.at('success'), options.success, ended),
    endsToken: options.endsToken,
  }
}

/** Only a place in the body can be looked for in another answer: a header or a cookie belongs to the sign-in. */
function inBody(place: Place | undefined): Place | undefined {
  return place?.from === 'json' ? place : undefined
}

function placesInBody(places: ReadonlyMap<string, Place>): ReadonlyMap<string, Place> {
  return new Map([...places].filter(([, place]) => inBody(place) !== undefined))
}

function withoutTyped(places: ReadonlyMap<string, Place>): ReadonlyMap<string, Place> {
  return new Map([...places].filter(([, place]) => place.from !== 'field'))
}
