import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answering } from './support/answering.ts'
import type { Reply } from './support/server.ts'
import { ada, only, typed, type UpstreamOptions } from './support/upstream.ts'

type Place = NonNullable<UpstreamOptions['login']['token']>

/** The token that is taken, or undefined where there is no sign-in. */
async function tokenAt(token: Place, reply: Reply): Promise<string | undefined> {
  const { upstream } = await answering(reply, {
    login: { token, subject: { field: 'username' } },
    present: { none: true },
  })
  const outcome = await upstream.signIn(typed(ada))
  if (outcome.kind === 'signed_in') return outcome.grant.token.reveal()
  assert.equal(only(outcome, 'failed').as, 'upstream_bad')
  return undefined
}

const found: readonly (readonly [string, Place, Reply, string | undefined])[] = [
  ['a header, whatever its case', { header: 'X-ToKeN' }, { headers: { 'x-TOKEN': 'abc' } }, 'abc'],
  [
    'a header after its scheme, whatever its case',
    { header: 'Authorization', scheme: 'Bearer' },
    { headers: { authorization: 'bearer  a/b+c==' } },
    'a/b+c==',
  ],
  [
    'no header with another scheme',
    { header: 'Authorization', scheme: 'Bearer' },
    { headers: { authorization: 'Basic abc' } },
    undefined,
  ],
  [
    'no header with the scheme alone',
    { header: 'Authorization', scheme: 'Bearer' },
    { headers: { authorization: 'Bearer' } },
    undefined,
  ],
  ['a header that comes twice alike', { header: 'X-T' }, { headers: { 'x-t': ['abc', 'abc'] } }, 'abc'],
  ['no header that comes twice with two values', { header: 'X-T' }, { headers: { 'x-t': ['abc', 'def'] } }, undefined],
  ['a cookie as it is', { cookie: 'c' }, { headers: { 'set-cookie': 'c=a%2Fb=; Path=/' } }, 'a%2Fb='],
  [
    'a cookie percent-decoded',
    { cookie: 'c', decode: true },
    { headers: { 'set-cookie': 'c=a%2Fb=; Path=/' } },
    'a/b=',
  ],
  [
    'no cookie that cannot be decoded',
    { cookie: 'c', decode: true },
    { headers: { 'set-cookie': 'c=a%2' } },
    undefined,
  ],
  ['no cookie of a name in another case', { cookie: 'c' }, { headers: { 'set-cookie': 'C=abc' } }, undefined],
  [
    'cookies in the order that is asked for',
    { cookies: ['b', 'a'] },
    { headers: { 'set-cookie': ['a=1', 'b=2', 'z=9'] } },
    'b=2; a=1',
  ],
  ['the whole text, trimmed', { text: true }, { body: '\n abc== \r\n' }, 'abc=='],
  ['JSON behind a byte order mark', { json: '/t' }, { body: '\ufeff{"t":"abc"}' }, 'abc'],
  [
    'JSON with any content type',
    { json: '/t' },
    { headers: { 'content-type': 'text/html' }, body: '{"t":"abc"}' },
    'abc',
  ],
  ['JSON by escaped names', { json: '/a~1b/~0/0' }, { body: { 'a/b': { '~': ['abc'] } } }, 'abc'],
]

for (const [what, place, reply, expected] of found) {
  test(`a place finds ${what}`, async () => assert.equal(await tokenAt(place, reply), expected))
}
