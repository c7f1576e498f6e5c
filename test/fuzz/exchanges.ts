import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import type { Dispatcher } from 'undici'
import { Secret } from '../../src/base/secret.ts'
import type { Condition, Expiry, Place } from '../../src/config/upstream.ts'
import { createOwnCookies } from '../../src/forward/cookies.ts'
import { createHeaderSieve } from '../../src/forward/header-names.ts'
import { identityMap } from '../../src/forward/identity.ts'
import { requestHeaders } from '../../src/forward/request-headers.ts'
import { responseHeaders } from '../../src/forward/response-headers.ts'
import { readAnswer } from '../../src/upstream/answer.ts'
import { judge } from '../../src/upstream/condition.ts'
import { createTaking } from '../../src/upstream/taking.ts'
import type { Target } from './target.ts'

/* What passes through us: headers both ways, and the answers of login services. A head is lines `Name: value`. */

const words = (list: readonly string[], maxLength = 14) =>
  fc.array(fc.constantFrom(...list), { maxLength }).map((parts) => parts.join(''))

/** As Node's parser lets it through: names are tokens, values hold no control characters. */
function rawHeaders(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const colon = line.indexOf(':')
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()]
    return colon > 0 && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
      ? [name, value]
      : []
  })
}

const pairs = (flat: readonly string[]) =>
  flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ''] as const] : []))

const identity = identityMap(
  new Map([
    ['Remote-User', 'sub'],
    ['X.Team_Name', 'team'],
  ]),
)
const sieve = createHeaderSieve([...identity.keys()])
const ownCookies = createOwnCookies(['__Host-postern', '__Host-postern-upt', '__Host-postern-out'])
const rules = { sieve, cookies: ownCookies, proto: 'https', host: 'app.example.com' }
const added = [...identity.keys()].map((name) => [name, 'ours'] as const)

/** How programs behind us turn names into variables. */
const variables: Readonly<Record<string, (name: string) => string>> = {
  'CGI, PHP and Rack': (name) => name.toUpperCase().replaceAll('-', '_'),
  'WSGI of old, for which a dot is one too': (name) => name.toUpperCase().replaceAll(/[-.]/g, '_'),
  'a FastCGI server that turns all but letters and digits': (name) => name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_'),
}

const headerWords = [
  'X',
  '-',
  '_',
  '.',
  'Forwarded',
  'User',
  'Email',
  'Groups',
  'For',
  'Host',
  'Remote',
  'Team',
  'Name',
  'Postern',
  'Auth',
  'Request',
  'Original',
  'URL',
  'Real',
  'IP',
  'Cookie',
  'Set',
  'Authorization',
  'Connection',
  'Transfer',
  'Encoding',
  'Content',
  'Length',
  ': ',
  '\n',
  'evil',
  '__Host-postern=x',
  '; ',
  ',',
  '!',
  '~',
  "'",
  '*',
  '+',
  '\u00e9',
  ' ',
  '\t',
  '=',
]

export const headers: Target = {
  name: 'headers',
  promise:
    'no spelling of what only we may say reaches a backend as its own variable, and none of our cookies passes in either direction',
  grammar: fc
    .array(fc.tuple(words(headerWords, 7), words(headerWords, 3)), { maxLength: 5 })
    .map((lines) => lines.map(([name, value]) => `${name}: ${value}`).join('\n')),
  words: headerWords,
  runs: 3_000,
  check(input) {
    const raw = rawHeaders(input)
    const sent = pairs(requestHeaders({ rawHeaders: raw, address: '192.0.2.1' }, rules, false, added))
    for (const [reader, fold] of Object.entries(variables)) {
      for (const name of identity.keys()) {
        const found = sent.filter(([one]) => fold(one) === fold(name))
        assert.deepEqual(found, [[name, 'ours']], `${reader} reads ${JSON.stringify(found)}`)
      }
      for (const name of ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'])
        assert.equal(sent.filter(([one]) => fold(one) === fold(name)).length, 1, reader)
      for (const name of [
        'authorization',
        'x-postern-user',
        'x-original-url',
        'x-real-ip',
        'forwarded',
        'host',
        'transfer-encoding',
        'connection',
      ])
        assert.equal(sent.filter(([one]) => fold(one) === fold(name)).length, 0, `${reader} reads ${name}`)
    }
    for (const [name, value] of sent)
      if (name.toLowerCase() === 'cookie')
        assert.doesNotMatch(value, /(?:^|;)\s*=*\s*__host-postern(?:-upt|-out)?\s*(?:=|;|$)/i)
    const answered = pairs(responseHeaders(raw, { personal: true, cors: false, cookies: ownCookies, hsts: undefined }))
    for (const [name, value] of answered) {
      assert.doesNotMatch(name, /^(?:connection|transfer-encoding|keep-alive|upgrade)$/i)
      assert.doesNotMatch(name.replaceAll(/[^a-z0-9]/gi, '-'), /^(?:x-postern-|x-forwarded-|x-auth-request-|remote-)/i)
      if (name.toLowerCase() === 'set-cookie')
        assert.doesNotMatch(value, /^\s*=*\s*__host-postern(?:-upt|-out)?\s*(?:=|;|$)/i)
    }
    const cacheable = answered
      .filter(([name]) => name.toLowerCase() === 'cache-control')
      .map(([, value]) => value)
      .join(',')
    assert.match(cacheable, /private|no-store/)
    assert.doesNotMatch(cacheable, /(?:^|,)\s*public\s*(?:,|$)/i)
  },
}

const pointers = [[], ['token'], ['user', 'token'], ['0'], ['__proto__'], ['constructor', 'name'], ['a', '0', 'b']]
const places: readonly Place[] = [
  ...pointers.map((segments) => ({ from: 'json', segments }) as const),
  ...pointers.map((segments) => ({ from: 'jwt', segments }) as const),
  { from: 'header', name: 'x-token', scheme: undefined },
  { from: 'header', name: 'authorization', scheme: 'Bearer' },
  { from: 'cookie', name: 'sid', decode: false },
  { from: 'cookie', name: 'sid', decode: true },
  { from: 'cookies', names: ['sid', 'other'] },
  { from: 'field', name: 'username' },
  { from: 'text' },
]
const units = ['seconds', 'milliseconds', 'epoch', 'epoch-milliseconds', 'iso', 'http-date'] as const
const expiries: readonly Expiry[] = [
  { from: 'unknown' },
  { from: 'never' },
  { from: 'fixed', lifetime: 60_000 },
  { from: 'cookie-age', name: 'sid' },
  ...units.flatMap((unit) => places.map((place) => ({ from: 'place', place, unit, base: undefined }) as const)),
]
const conditions: readonly Condition[] = [[], [200], [204, 302]].flatMap((status) =>
  pointers.flatMap((segments) => [
    { status, body: [{ segments, test: 'exists' } as const], text: undefined, headers: [], cookies: [] },
    {
      status,
      body: [{ segments, test: 'equals', value: 0 } as const],
      text: { test: 'contains', value: 'ok' } as const,
      headers: [{ name: 'x-token', test: 'exists' } as const],
      cookies: [{ name: 'sid', test: 'absent' } as const],
    },
  ]),
)

const answerWords = [
  '200',
  '401',
  '302',
  '\n',
  '\n\n',
  'X-Token: ',
  'Authorization: Bearer ',
  'Set-Cookie: sid=',
  '; Max-Age=',
  '; Expires=',
  '99999999999999999999',
  '-1',
  'Retry-After: ',
  '{',
  '}',
  '[',
  ']',
  '"token":',
  '"user":',
  '"__proto__":',
  '"constructor":',
  '"a"',
  '"abc"',
  '""',
  'null',
  '1e400',
  '9007199254740993',
  ',',
  'a.eyJ0b2tlbiI6MX0.c',
  '%00',
  '%zz',
  '\ud800',
  '\u0000',
  '<html>',
  'Wed, 21 Oct 2026 07:28:00 GMT',
  '2026-11-24T12:00:00Z',
]

export const loginAnswer: Target = {
  name: 'login-answer',
  promise:
    'any answer of a service gives a token that is a text one can present, or none; any place and any condition has an outcome',
  grammar: fc
    .tuple(
      fc.constantFrom('200', '401', '204', '302', '503'),
      fc.array(words(answerWords, 3), { maxLength: 4 }),
      fc.oneof(
        fc.json(),
        fc.record({ token: fc.jsonValue(), user: fc.jsonValue() }).map((one) => JSON.stringify(one)),
        words(answerWords),
      ),
    )
    .map(([status, lines, body]) => `${[status, ...lines].join('\n')}\n\n${body}`),
  words: answerWords,
  runs: 500,
  async check(input) {
    const cut = input.indexOf('\n\n')
    const [status = '', ...head] = (cut === -1 ? input : input.slice(0, cut)).split('\n')
    const body = cut === -1 ? '' : input.slice(cut + 2)
    const lines: Record<string, string[]> = {}
    for (const [name, value] of pairs(rawHeaders(head.join('\n')))) {
      const known = Object.hasOwn(lines, name.toLowerCase()) ? (lines[name.toLowerCase()] ?? []) : []
      Object.defineProperty(lines, name.toLowerCase(), {
        value: [...known, value],
        enumerable: true,
        configurable: true,
      })
    }
    const response = {
      statusCode: Number.parseInt(status, 10) || 200,
      headers: lines,
      body: Readable.from([Buffer.from(body, 'utf8')]),
    }
    const answer = await readAnswer(response as unknown as Dispatcher.ResponseData, 1_000_000, () => 0)
    for (const condition of conditions) assert.equal(typeof judge(condition, answer).holds, 'boolean')
    assert.ok(answer.retryAfter === undefined || (answer.retryAfter >= 0 && Number.isFinite(answer.retryAfter)))
    const taking = createTaking('login', { answer, variables: new Map([['username', 'ada']]) }, () => undefined)
    const claims = taking.claims(new Map(places.map((place, index) => [`c${index}`, place])), 'a.e30.c')
    for (const value of Object.values(claims)) assert.ok(typeof value !== 'object' || Array.isArray(value))
    for (const place of places) {
      const taken = taking.grant(
        { token: place, refreshToken: place, expiry: { from: 'never' }, values: new Map([['v', place]]) },
        { token: { as: 'header', name: 'authorization', scheme: 'Bearer' }, headers: new Map() },
      )
      if (taken.ok) {
        assert.ok(taken.grant.token instanceof Secret)
        assert.match(taken.grant.token.reveal(), /^[\x20-\x7e\x80-\xff]+$/)
      }
      const subject = taking.subject(place, 'a.e30.c')
      if (subject.ok) assert.ok(typeof subject.value === 'string' && subject.value.trim() !== '')
    }
    for (const expiry of expiries) {
      const at = taking.expiry(expiry, 'a.eyJ0b2tlbiI6MX0.c')
      assert.ok(at === undefined || Number.isFinite(at), String(at))
    }
  },
}
