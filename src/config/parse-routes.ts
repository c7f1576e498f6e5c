import { decodedPath } from '../base/decoded-path.ts'
import { Secret } from '../base/secret.ts'
import type { BackendTls, DpopMode, RouteConfig } from './config.ts'
import { duration, hour, parseSize } from './duration.ts'
import type { Spot } from './faults.ts'
import { checkHeaderName } from './headers.ts'
import { parseHost, parseOrigin } from './origin.ts'
import { parseDpop } from './parse-dpop.ts'
import { checkClaimName } from './parse-place.ts'
import { readHeaders } from './parse-request.ts'
import { unreadable, type SecretSources } from './secrets.ts'
import type { RouteOptions } from './route-options.ts'

interface Site {
  readonly secure: boolean
  readonly prefix: string
  readonly sources: SecretSources
  readonly dpop: DpopMode
}

/** In the order of the file. A route whose shape is not right is not looked into. */
export function parseRoutes(spot: Spot, routes: readonly RouteOptions[], site: Site): readonly RouteConfig[] {
  const parsed = routes.flatMap((route, index) => {
    const at = spot.at(index)
    return at.isSound() ? [{ index, route: parseRoute(at, route, site) }] : []
  })
  parsed.forEach(({ index, route }, position) => {
    const twin = parsed.slice(0, position).find((earlier) => areTwins(earlier.route, route))
    if (twin === undefined) return
    const otherwise = isSamePath(twin.route, route) ? '' : ', or say `ignoreCase: false` in both'
    spot.at(index).fault(`is for the same requests as routes[${twin.index}]; keep one of them${otherwise}`)
  })
  parsed.forEach(({ index, route }, position) => {
    const other = parsed.slice(0, position).find(({ route: earlier }) => earlier.backend === route.backend)
    // One pool of connections for each backend, with one idea of whom it trusts.
    if (other !== undefined && route.backend !== undefined && !isSameTls(other.route.tls, route.tls))
      spot.at(index, 'tls').fault(`differs from that of routes[${other.index}], which has the same backend`)
  })
  return parsed.map(({ route }) => route)
}

function parseRoute(spot: Spot, options: RouteOptions, { secure, prefix, sources, dpop }: Site): RouteConfig {
  const { exact = false, access = 'protected', onAnonymous = 'auto' } = options
  const backend =
    options.backend === undefined
      ? undefined
      : parseOrigin(spot.at('backend'), options.backend, { allowed: 'anywhere' })
  checkPath(spot.at('path'), options.path, prefix)
  if (access === 'public') {
    const fault = 'nobody is asked who they are on a public route; take this out, or `access: public`'
    if (options.require !== undefined) spot.at('require').fault(fault)
    if (onAnonymous !== 'auto') spot.at('onAnonymous').fault(fault)
    if (options.dpop !== undefined) spot.at('dpop').fault(fault)
  } else if (options.dpop !== undefined && options.authorization === 'passthrough') {
    spot.at('dpop').fault('no token of ours is looked at with `authorization: passthrough`; take one of the two out')
  }
  if (access === 'optional' && options.require !== undefined) {
    spot
      .at('require')
      .fault(
        'an optional route is open to whoever is not signed in, so this would keep out only those who are; take this out, or `access: optional`',
      )
  }
  if (options.credentials === 'assertion' && options.audience === undefined && backend === undefined) {
    spot.fault('`credentials: assertion` asks for an audience; give `audience`, or a `backend` whose origin is taken')
  }
  return {
    host: options.host === undefined ? undefined : parseHost(spot.at('host'), options.host, secure ? 'https' : 'http'),
    path: exact ? options.path : withoutFinalSlash(options.path),
    exact,
    ignoreCase: options.ignoreCase,
    methods:
      options.methods === undefined ? undefined : [...new Set(options.methods.map((method) => method.toUpperCase()))],
    access,
    require: parseRequire(spot.at('require'), options.require ?? {}),
    backend,
    stripPrefix: options.stripPrefix ?? false,
    credentials: options.credentials ?? 'none',
    audience: options.audience ?? backend ?? '',
    authorization: options.authorization ?? 'ours',
    onAnonymous,
    dpop: parseDpop(spot.at('dpop'), options.dpop, dpop),
    slide: options.slide ?? true,
    timeout: duration(spot.at('timeout'), options.timeout ?? '30s', { least: 1, most: 24 * hour }),
    maxBody: options.maxBody === undefined ? undefined : parseSize(options.maxBody),
    encodedSlash: options.encodedSlash ?? 'refuse',
    pathParams: options.pathParams ?? 'refuse',
    websocket: options.websocket ?? true,
    cors: (options.cors ?? []).map((one, index) => parseOrigin(spot.at('cors', index), one, { allowed: 'anywhere' })),
    headers: parseAddedHeaders(spot.at('headers'), options.headers ?? {}, sources),
    tls: options.tls === undefined ? undefined : parseTls(spot.at('tls'), options.tls, sources),
  }
}

function parseAddedHeaders(
  spot: Spot,
  headers: NonNullable<RouteOptions['headers']>,
  sources: SecretSources,
): RouteConfig['headers'] {
  for (const name of Object.keys(headers)) checkHeaderName(spot.at(name), name)
  const read = readHeaders(spot, headers, sources, () => undefined)
  return new Map([...read].map(([name, value]) => [name.toLowerCase(), value]))
}

function parseTls(
  spot: Spot,
  { caFile, certFile, keyFile }: NonNullable<RouteOptions['tls']>,
  sources: SecretSources,
): BackendTls {
  const read = (key: string, path: string | undefined) => {
    if (path === undefined) return undefined
    const pem = sources.readFile(path)
    if (pem === undefined) spot.at(key).fault(unreadable)
    else if (!pem.includes('-----BEGIN ')) spot.at(key).fault('this file holds no PEM')
    return pem
  }
  if ((certFile === undefined) !== (keyFile === undefined))
    spot.fault('`certFile` and `keyFile` belong together; give both or neither')
  const key = read('keyFile', keyFile)
  return {
    ca: read('caFile', caFile),
    cert: read('certFile', certFile),
    key: key === undefined ? undefined : new Secret(key),
  }
}

function isSameTls(one: BackendTls | undefined, other: BackendTls | undefined): boolean {
  return one?.ca === other?.ca && one?.cert === other?.cert && one?.key?.reveal() === other?.key?.reveal()
}

/** A path that no request can have would leave a gap where a guard was meant to be. */
function checkPath(spot: Spot, path: string, prefix: string): void {
  if (!/^[!$-:=@-Z_a-z~]*$/.test(path))
    spot.fault('may hold the characters of a path only: no query, no `;`, others percent-encoded')
  else if (/%(?![0-9A-Fa-f]{2})|%(?:2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/i.test(path)) {
    spot.fault('letters, digits and `- . _ ~` are matched as they are; write them without percent-encoding')
  } else if (path.includes('//') || /(^|\/)\.{1,2}(\/|$)/.test(path)) {
    spot.fault('may not have empty segments or the segments `.` and `..`; requests that do are refused')
  }
  // Taken for a character it would leave everything below the path to the next best route.
  if (path.includes('*')) spot.fault('`*` is no wildcard; a path covers everything below it, so take it out')
  if (/\/:[A-Za-z_]/.test(path))
    spot.fault('`:name` is no parameter; name the path above it, which covers everything below')
  if (path === prefix || path.startsWith(`${prefix}/`))
    spot.fault('lies under `prefix`, where the endpoints of the gateway are; choose another path or prefix')
}

function withoutFinalSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

function parseRequire(spot: Spot, require: NonNullable<RouteOptions['require']>): RouteConfig['require'] {
  // Nobody's claim, and yet what a route may ask for: what a client was granted.
  for (const claim of Object.keys(require)) if (claim !== 'scope') checkClaimName(spot.at(claim), claim)
  return Object.fromEntries(
    Object.entries(require).map(([claim, values]) => [claim, typeof values === 'object' ? values : [values]]),
  )
}

const isSamePath = (one: RouteConfig, other: RouteConfig) => decodedPath(one.path) === decodedPath(other.path)

/** Whether one request could be for both and nothing says which one is meant. */
function areTwins(one: RouteConfig, other: RouteConfig): boolean {
  const caseCounts = one.ignoreCase === false && other.ignoreCase === false
  const inAnyCase = (route: RouteConfig) => decodedPath(route.path).toLowerCase()
  return (
    one.host === other.host &&
    one.exact === other.exact &&
    (caseCounts ? isSamePath(one, other) : inAnyCase(one) === inAnyCase(other)) &&
    shareMethods(one.methods, other.methods)
  )
}

function shareMethods(one: RouteConfig['methods'], other: RouteConfig['methods']): boolean {
  if (one === undefined || other === undefined) return one === other
  return one.some((method) => other.includes(method))
}
