import { parseRefusals, parseSuccess, successful } from './parse-condition.ts'
import type { Spot } from './faults.ts'
import { fieldNames } from './parse-field.ts'
import { parseClaims, parseExpiry, type Reach } from './parse-place.ts'
import { parseRequest, type RequestMeans } from './parse-request.ts'
import { grantOf, optionalPlace, tokenPlace, type SignInConfig } from './parse-sign-in.ts'
import type { SecretSources } from './secrets.ts'
import type { LoginUpstreamOptions } from './upstream-options.ts'
import type {
  CheckCall,
  ClaimPlace,
  Expiry,
  LogoutCall,
  Place,
  Presentation,
  ProfileCall,
  RefreshCall,
} from './upstream.ts'

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
  const means: RequestMeans = { sources, secrets: signIn.secrets, fields: { known, used: new Set() }, presentsCookie }
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
    refusals: parseRefusals(spot.at('refusals'), options.refusals),
  }
}

/** Without a check call the profile call is it: the same question with the same answer. */
function checkByProfile(profile: ProfileCall | undefined): CheckCall | undefined {
  if (profile === undefined) return undefined
  const { request, success, subject: told, refusals } = profile
  const subject = told?.from === 'field' ? undefined : told
  const claims = withoutTyped(profile.claims)
  return {
    request,
    success,
    subject,
    subjectRequired: subject !== undefined,
    claims,
    claimsComplete: true,
    jsonRequired: anyInBody([subject, ...claims.values()]),
    expiry: undefined,
    refusals,
  }
}

function parseCheck(
  spot: Spot,
  options: NonNullable<LoginUpstreamOptions['check']>,
  { login, secondStep }: SignInConfig,
  means: RequestMeans,
): CheckCall {
  const at = secondStep ?? login
  const subject = optionalPlace(spot.at('subject'), options.subject, reach)
  const claims = options.claims === undefined ? undefined : parseClaims(spot.at('claims'), options.claims, reach)
  const found = { subject: subject ?? inBody(at.subject), claims: claims ?? placesInBody(at.claims) }
  // Where `success` reads the body as text, the answer need not be JSON for places that login has and this call may not.
  const looked = options.success?.text === undefined ? found : { subject, claims }
  return {
    request: parseRequest(spot.at('request'), options.request, means),
    success: parseSuccess(spot.at('success'), options.success),
    refusals: parseRefusals(spot.at('refusals'), options.refusals),
    ...found,
    claimsComplete: claims !== undefined,
    subjectRequired: subject !== undefined,
    jsonRequired: anyInBody([looked.subject, ...(looked.claims?.values() ?? [])]),
    expiry: parseCheckExpiry(spot.at('expiry'), options.expiry),
  }
}

function parseCheckExpiry(spot: Spot, options: Parameters<typeof parseExpiry>[1]): Expiry | undefined {
  if (options === undefined) return undefined
  if (options === 'never') spot.fault('takes no end back that the sign-in told; leave `expiry` out of `login` instead')
  return parseExpiry(spot, options)
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
  const subject = optionalPlace(spot.at('subject'), options.subject, reach)
  const claims = options.claims === undefined ? undefined : parseClaims(spot.at('claims'), options.claims, reach)
  const used = new Set<string>()
  const request = parseRequest(spot.at('request'), options.request, {
    ...means,
    presentsCookie: false,
    // Known in any case, so that a use without a place is one fault.
    fields: { known: new Set([...means.fields.known, 'refreshToken']), used },
  })
  const token = options.token === undefined ? at.token : tokenPlace(spot, options.token, reach)
  const trades = at.refreshToken === undefined ? 'token' : 'refreshToken'
  if (spot.at('request').isSound()) checkTraded(spot, trades, used, options.refreshToken !== undefined)
  return {
    trades,
    request,
    success: parseSuccess(spot.at('success'), options.success),
    refusals: parseRefusals(spot.at('refusals'), options.refusals),
    token,
    refreshToken: trades === 'token' ? token : (grant.refreshToken ?? at.refreshToken),
    expiry: options.expiry === undefined ? at.expiry : grant.expiry,
    values: options.values === undefined ? at.values : grant.values,
    subject: subject ?? inBodyOrToken(at.subject),
    subjectRequired: subject !== undefined,
    claims: claims ?? new Map([...at.claims].filter(([, place]) => inBodyOrToken(place) !== undefined)),
    claimsComplete: claims !== undefined,
    concurrent: options.concurrent ?? false,
  }
}

/** @param place whether the refresh call says where a refresh token is in its answer */
function checkTraded(spot: Spot, trades: RefreshCall['trades'], used: ReadonlySet<string>, place: boolean): void {
  if (trades === 'refreshToken') {
    if (!used.has('refreshToken'))
      spot.at('request').fault('sends the refresh token nowhere; put `{refreshToken}` into it')
  } else if (used.has('refreshToken') || !used.has('token')) {
    spot.fault(
      'there is no refresh token to trade; say where it is in `refreshToken` of `login`, or trade the token itself: put `{token}` into `request`',
    )
  } else if (place) {
    spot.at('refreshToken').fault('is used by nothing, because the request trades the token itself; take it out')
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

function anyInBody(places: readonly (Place | undefined)[]): boolean {
  return places.some((place) => inBody(place) !== undefined)
}

/** Only a place in the body can be looked for in another answer: a header or a cookie belongs to the sign-in. */
function inBody(place: Place | undefined): Place | undefined {
  return place?.from === 'json' ? place : undefined
}

/** The new token is a token like the one of the sign-in. */
function inBodyOrToken(place: Place | undefined): Place | undefined {
  return place?.from === 'jwt' ? place : inBody(place)
}

function placesInBody(places: ReadonlyMap<string, ClaimPlace>): ReadonlyMap<string, ClaimPlace> {
  return new Map([...places].filter(([, place]) => inBody(place) !== undefined))
}

function withoutTyped(places: ReadonlyMap<string, ClaimPlace>): ReadonlyMap<string, ClaimPlace> {
  return new Map([...places].filter(([, place]) => place.from !== 'field'))
}
