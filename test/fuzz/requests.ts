import assert from 'node:assert/strict'
import fc from 'fast-check'
import { readCredentials, type CookieNames } from '../../src/life/credentials.ts'
import { originalRequest } from '../../src/http/original-request.ts'
import { asNode } from '../support/node-headers.ts'
import { createRouteTable, type Matchable } from '../../src/route/match.ts'
import { canonicalPath } from '../../src/route/path.ts'
import { safeReturnTo } from '../../src/route/return-to.ts'
import type { Target } from './target.ts'

/* What a client says: targets, cookies, credentials, where it came from and where it wants to go. */

const join = (words: readonly string[], maxLength = 12) =>
  fc.array(fc.constantFrom(...words), { maxLength }).map((parts) => parts.join(''))

const names: CookieNames = {
  name: '__Host-postern',
  sealedName: '__Host-postern-upt',
  outName: '__Host-postern-out',
  formerNames: ['old', '__Host-old'],
}

/** The same by the letter of RFC 6265 section 5.2: cut at `;`, trim, the first `=` ends the name. */
function readPairs(header: string): readonly (readonly [string, string])[] {
  return header.split(';').flatMap((part) => {
    const pair = part.replace(/^[ \t]+|[ \t]+$/g, '')
    const equals = pair.indexOf('=')
    return equals === -1 ? [] : [[pair.slice(0, equals), pair.slice(equals + 1)] as const]
  })
}

const cookieWords = [
  '__Host-postern',
  '-upt',
  '-out',
  'old',
  '__Host-old',
  '=',
  ';',
  '; ',
  ' ',
  '\t',
  'a.b.c',
  '"',
  ',',
  '\u00a0',
  'x',
  '__host-postern',
]

export const cookies: Target = {
  name: 'cookies',
  promise: 'the scan finds what a reader by the letter of RFC 6265 finds, and two session cookies are a conflict',
  grammar: join(cookieWords, 20),
  words: cookieWords,
  runs: 2_000,
  check(input) {
    const found = readCredentials({ cookie: input }, ['Cookie', input], names)
    const pairs = readPairs(input)
    const valuesOf = (wanted: string) => pairs.flatMap(([name, value]) => (name === wanted ? [value] : []))
    const bySet = (name: string) => ({ token: valuesOf(name), sealed: valuesOf(`${name}-upt`) })
    const own = bySet(names.name)
    const tooMany = ({ token, sealed }: typeof own) => token.length > 1 || sealed.length > 1
    if (tooMany(own)) return assert.equal(found.kind, 'conflict')
    if (own.token.length === 1) {
      assert.ok(found.kind === 'cookie' && !found.former)
      assert.equal(found.token, own.token[0])
      assert.equal(found.sealed, own.sealed[0])
      return
    }
    const former = names.formerNames.map(bySet).find((one) => tooMany(one) || one.token.length === 1)
    if (former === undefined) return assert.equal(found.kind, 'none')
    if (tooMany(former)) return assert.equal(found.kind, 'conflict')
    assert.ok(found.kind === 'cookie' && found.former)
    assert.equal(found.token, former.token[0])
  },
}

const authorizationWords = [
  'Bearer',
  'bearer',
  'DPoP',
  'Basic',
  ' ',
  '  ',
  '\t',
  ',',
  'a.b.c',
  'Bearer ',
  '=',
  '\u00a0',
]

export const authorization: Target = {
  name: 'authorization',
  promise:
    'a token is ours where the scheme is Bearer or DPoP and a space follows, whole and nothing else; one beside our cookie is a conflict',
  grammar: join(authorizationWords, 8),
  words: authorizationWords,
  runs: 2_000,
  check(input) {
    const found = readCredentials({ authorization: input }, ['Authorization', input], names)
    const match = /^(bearer|dpop)(?: +([^]*)|)$/i.exec(input)
    if (match === null) assert.equal(found.kind, 'none')
    else {
      assert.ok(found.kind === 'bearer')
      assert.equal(found.scheme, match[1]?.toLowerCase())
      assert.equal(found.token, match[2] ?? '')
    }
    const both = readCredentials({ authorization: input, cookie: '__Host-postern=a' }, ['Authorization', input], names)
    assert.equal(both.kind, match === null ? 'cookie' : 'conflict')
    const twice = readCredentials({ authorization: input }, ['Authorization', input, 'authorization', 'x'], names)
    assert.equal(twice.kind, 'conflict')
  },
}

const route = (path: string, more: Partial<Matchable> = {}): Matchable & { path: string } => ({
  host: undefined,
  path: path === '/' ? '/' : path.replace(/\/$/, ''),
  exact: false,
  ignoreCase: undefined,
  methods: undefined,
  encodedSlash: 'refuse',
  pathParams: 'refuse',
  ...more,
})
const lenient = { encodedSlash: 'forward', pathParams: 'forward' } as const
const open = [route('/public/'), route('/lenient/', lenient)]
const table = createRouteTable([...open, route('/public/private/'), route('/lenient/private/', lenient), route('/')])

/** Where some backend ends up with a path that it was sent. */
const backends: Readonly<Record<string, (path: string) => string>> = {
  'a URL parser': (path) => new URL(path, 'http://a.example').pathname,
  'Express, which routes on what came': (path) => path,
  'Express, for which case does not count': (path) => path.toLowerCase(),
  'WSGI, which decodes': (path) => unescaped(path),
  'nginx, which decodes, merges slashes and resolves dots': (path) => resolved(unescaped(path).replace(/\/{2,}/g, '/')),
  'a servlet container, which cuts parameters off, decodes and resolves': (path) =>
    resolved(unescaped(path.replace(/;[^/]*/g, ''))),
  'one that decodes, then cuts parameters off': (path) => resolved(unescaped(path).replace(/;[^/]*/g, '')),
  'one for which a backslash is a slash': (path) => resolved(unescaped(path).replaceAll('\\', '/')),
  'a C program, for which NUL ends a text': (path) => resolved(unescaped(path).split('\0', 1)[0] ?? ''),
}

const unescaped = (path: string) =>
  Buffer.from(
    path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString()

function resolved(path: string): string {
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '.' && segment !== '') segments.push(segment)
  }
  return `/${segments.join('/')}`
}

const pathWords = [
  '/public',
  '/lenient',
  '/private',
  '/',
  '//',
  '.',
  '..',
  '%2e',
  '%2E',
  '%2f',
  '%5c',
  '\\',
  ';',
  ';a=b',
  '%3b',
  '%00',
  '%09',
  '%25',
  '%70',
  '#',
  '?',
  '?a=/../',
  '%c0%af',
  '%u002f',
  '\u00e9',
  '%C3%A9',
  '\t',
  'PUBLIC',
  '/Private',
  '*',
  'http://a',
]

export const path: Target = {
  name: 'path',
  promise:
    'what is taken for a public route stays under that route for every backend that may get it, and is its own canonical form',
  grammar: fc
    .tuple(fc.constantFrom('/public/', '/lenient/', '/lenient/private', '/', ''), join(pathWords))
    .map((parts) => parts.join('')),
  words: pathWords,
  runs: 4_000,
  check(input) {
    const canonical = canonicalPath(input)
    if (!canonical.ok) return
    assert.deepEqual(canonicalPath(`${canonical.path}${canonical.query}`), canonical)
    const match = table.match(undefined, 'GET', canonical)
    if (match.kind !== 'route' || !open.includes(match.route)) return
    const within = (read: string, prefix: string) => read === prefix || read.startsWith(`${prefix}/`)
    for (const [backend, read] of Object.entries(backends)) {
      const reached = read(canonical.path)
      assert.ok(within(reached, match.route.path), `${backend} reads ${reached}`)
      assert.ok(!within(reached, `${match.route.path}/private`), `${backend} reads ${reached}`)
    }
  },
}

const site = { publicUrl: 'https://app.example.com', prefix: '/_auth' }
const targetWords = [
  '/',
  '//',
  '\\',
  'https:',
  'javascript:',
  'evil.example',
  '@',
  '%2f',
  '%5c',
  '..',
  '.',
  '?',
  '#',
  '\t',
  '\r\n',
  '/_auth',
  '/_AUTH',
  '%5f',
  'app.example.com',
  ':',
  '\u00ad',
  '\uff0f',
  ' ',
]

export const returnTo: Target = {
  name: 'return-to',
  promise: 'what comes out is an address of our own site for every reader of it, and not one of our own endpoints',
  grammar: fc.tuple(fc.constantFrom('/', '', '//', '/a'), join(targetWords)).map((parts) => parts.join('')),
  words: targetWords,
  runs: 3_000,
  check(input) {
    const target = safeReturnTo(input, site)
    assert.ok(target === '/' || target === input)
    assert.match(target, /^\/(?![/\\])[!-~]*$/)
    // A browser drops tabs and line breaks, and takes a backslash for a slash.
    for (const read of [target, target.replaceAll('\\', '/'), target.replaceAll(/[\t\r\n]/g, '')])
      assert.equal(new URL(read, site.publicUrl).origin, site.publicUrl)
    const { pathname } = new URL(target, site.publicUrl)
    assert.ok(!/^\/_auth(?:\/|$)/i.test(pathname))
    assert.equal(safeReturnTo(target, site), target)
  },
}

const proxies = ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy'] as const
const forwardedNames = [
  'x-original-url',
  'x-original-method',
  'x-forwarded-method',
  'x-forwarded-uri',
  'x-forwarded-host',
  'host',
  'x-forwarded-proto',
  'x-forwarded-port',
]
const forwardedWords = [
  'GET',
  'get',
  'https://app.example.com',
  '/a',
  '/a?b=c',
  'app.example.com',
  ':443',
  '[::1]',
  '.',
  '@',
  '#',
  '//',
  ',',
  ' ',
  '\\',
  '%0a',
  '\t',
  '\u0000',
]

export const original: Target = {
  name: 'original-request',
  promise:
    'what a front proxy says makes one method, one origin form and one host, or nothing; what is said twice or by another family is nothing',
  grammar: fc
    .array(fc.tuple(fc.constantFrom(...forwardedNames), join(forwardedWords, 4)), { maxLength: 6 })
    .map((pairs) => pairs.map(([name, value]) => `${name}: ${value}`).join('\n')),
  words: [...forwardedWords, ...forwardedNames.map((name) => `\n${name}: `)],
  runs: 2_000,
  check(input) {
    const lines: Record<string, string[]> = Object.create(null) as Record<string, string[]>
    for (const line of input.split('\n')) {
      const colon = line.indexOf(':')
      if (colon > 0) (lines[line.slice(0, colon).toLowerCase()] ??= []).push(line.slice(colon + 1).trim())
    }
    const said = (...wanted: readonly string[]) => wanted.some((name) => lines[name] !== undefined)
    for (const proxy of proxies) {
      const request = {
        method: 'GET',
        ...asNode(Object.entries(lines).flatMap(([name, all]) => all.map((value) => [name, value] as const))),
      }
      const found = originalRequest(proxy, request, lines['x-original-url']?.[0] ?? '/a')
      if (found === undefined) continue
      assert.match(found.method, /^[A-Z-]+$/)
      assert.ok(found.url.startsWith('/') && !found.url.includes('#'))
      assert.match(found.host, /^[a-z0-9_.:[\]-]+$/)
      assert.doesNotMatch(found.host, /\.$|\.:/)
      if (proxy === 'nginx') assert.ok(!said('x-forwarded-method', 'x-forwarded-uri'))
      else assert.ok(!said('x-original-method', 'x-original-url'))
      for (const name of forwardedNames.slice(0, 6)) {
        const used =
          proxy === 'nginx'
            ? name.startsWith('x-original')
            : proxy === 'envoy'
              ? name === 'host'
              : name.startsWith('x-forwarded')
        if (used && lines[name] !== undefined) assert.equal(lines[name].length, 1)
      }
    }
  },
}
