import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cookieValues, isRepeated, readCredentials } from '../../src/life/credentials.ts'

const names = {
  name: '__Host-postern',
  sealedName: '__Host-postern-upt',
  outName: '__Host-postern-out',
  formerNames: ['old', 'older'],
}
const read = (cookie: string | undefined, authorization?: string, lines = 1) =>
  readCredentials(
    { ...(cookie === undefined ? {} : { cookie }), ...(authorization === undefined ? {} : { authorization }) },
    authorization === undefined ? [] : Array.from({ length: lines }, () => ['Authorization', authorization]).flat(),
    names,
  )
const cookie = (token: string, more: object = {}) => ({
  kind: 'cookie',
  token,
  sealed: undefined,
  out: undefined,
  former: false,
  ...more,
})
const none = { kind: 'none', out: undefined }
const conflict = { kind: 'conflict' }

describe('CK-05 a session cookie', () => {
  test('is found wherever it stands, without the white space around it', () => {
    for (const header of [
      '__Host-postern=t',
      'a=b; __Host-postern=t',
      'a=b;__Host-postern=t;c=d',
      'a=b; \t__Host-postern=t \t; c=d',
      ' __Host-postern=t ',
    ])
      assert.deepEqual(read(header), cookie('t'), header)
    assert.deepEqual(read('__Host-postern='), cookie(''))
    assert.deepEqual(read('__Host-postern=a=b'), cookie('a=b'))
    assert.deepEqual(read('__Host-postern=t\u00a0'), cookie('t\u00a0'))
  })

  test('is none under a name that only looks like its own', () => {
    for (const header of [
      '',
      'a=b',
      'x__Host-postern=t',
      'a=__Host-postern=t',
      '__host-postern=t',
      '\u00a0__Host-postern=t',
      '__Host-posternx=t',
      '__Host-postern',
      '__Host-postern =t',
      '__Host-postern-uptx=t',
    ])
      assert.deepEqual(read(header), none, header)
    assert.deepEqual(read(undefined), none)
  })

  test('comes with its sealed part and with what is over in this browser, in any order', () => {
    const whole = cookie('t', { sealed: 's', out: 'o' })
    assert.deepEqual(read('__Host-postern=t; __Host-postern-upt=s; __Host-postern-out=o'), whole)
    assert.deepEqual(read('__Host-postern-out=o ; x=y; __Host-postern-upt=s; __Host-postern=t'), whole)
    assert.deepEqual(read('__Host-postern-out=o'), { kind: 'none', out: 'o' })
    assert.deepEqual(read('__Host-postern-upt=s'), none)
    // A second one ends sessions too, for whoever can write it can sign out only.
    assert.deepEqual(read('__Host-postern-out=a; __Host-postern-out=b'), { kind: 'none', out: 'a~b' })
  })

  test('that is there twice is none, and so is its sealed part', () => {
    for (const header of [
      '__Host-postern=t; __Host-postern=t',
      '__Host-postern=; __Host-postern=t',
      '__Host-postern=t; __Host-postern-upt=s; __Host-postern-upt=s',
      '__Host-postern-upt=; __Host-postern-upt=s; __Host-postern=t',
    ])
      assert.deepEqual(read(header), conflict, header)
  })
})

describe('a cookie under a name that it had before', () => {
  test('is taken where there is none under the new one, the latest first', () => {
    assert.deepEqual(read('older=b; old=a; old-upt=s; older-upt=x'), cookie('a', { sealed: 's', former: true }))
    assert.deepEqual(read('older=b; older-upt=x'), cookie('b', { sealed: 'x', former: true }))
    assert.deepEqual(read('older=b; __Host-postern=t'), cookie('t'))
    assert.deepEqual(read('old=a; __Host-postern-out=o'), cookie('a', { out: 'o', former: true }))
    assert.deepEqual(read('old-upt=s; __Host-postern-out=o'), { kind: 'none', out: 'o' })
  })

  test('is none where it is there twice', () => {
    assert.deepEqual(read('old=a; old=b; older=c'), conflict)
  })
})

describe('TV-16 an Authorization header', () => {
  test('is ours with one of two schemes, in any case', () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER'])
      assert.deepEqual(read(undefined, `${scheme} t`), { kind: 'bearer', token: 't', scheme: 'bearer' })
    for (const scheme of ['DPoP', 'dpop'])
      assert.deepEqual(read(undefined, `${scheme} t`), { kind: 'bearer', token: 't', scheme: 'dpop' })
    assert.deepEqual(read(undefined, 'Bearer   a b '), { kind: 'bearer', token: 'a b ', scheme: 'bearer' })
    for (const bare of ['Bearer', 'Bearer '])
      assert.deepEqual(read(undefined, bare), { kind: 'bearer', token: '', scheme: 'bearer' })
  })

  test('of anybody else says nothing', () => {
    for (const header of ['Basic t', 'Bearert t', 'Bearer\tt', 't', '', ' Bearer t']) {
      assert.deepEqual(read(undefined, header), none, header)
      assert.deepEqual(read('__Host-postern=t', header), cookie('t'), header)
    }
  })

  test('beside a session cookie, or there twice, leaves no credential', () => {
    assert.deepEqual(read('__Host-postern=t', 'Bearer t'), conflict)
    assert.deepEqual(read('__Host-postern=t; __Host-postern=t', 'Bearer t'), conflict)
    assert.deepEqual(read(undefined, 'Bearer t', 2), conflict)
    assert.deepEqual(read('__Host-postern=t', 'Basic t', 2), conflict)
    assert.deepEqual(read('__Host-postern-out=o', 'Bearer t'), { kind: 'bearer', token: 't', scheme: 'bearer' })
  })
})

test('a header is repeated where its name stands twice, in any case, and a value is no name', () => {
  assert.equal(isRepeated(['Host', 'a', 'HOST', 'b'], 'host'), true)
  assert.equal(isRepeated(['Host', 'host', 'x', 'Host'], 'host'), false)
  assert.equal(isRepeated(['Host', 'a', 'Cost', 'b', 'Hosts', 'c'], 'host'), false)
  assert.equal(isRepeated(['x', 'y', 'host', 'a', 'z', 'w', 'Host', 'b'], 'host'), true)
  assert.equal(isRepeated([], 'host'), false)
})

test('the values of a name are those of every cookie that has it, and of no other', () => {
  for (const [header, values] of [
    [undefined, []],
    ['', []],
    ['n', []],
    ['n=', ['']],
    ['n=a', ['a']],
    ['n=a=b', ['a=b']],
    ['n=a;', ['a']],
    ['n=a; n=b', ['a', 'b']],
    ['n=a;n=b;x=c', ['a', 'b']],
    ['x=y; \tn=a \t; n=b ', ['a', 'b']],
    ['n=a; x=n=b; n=c', ['a', 'c']],
    ['n=a\u00a0', ['a\u00a0']],
    ['N=a', []],
    ['\u00a0n=a', []],
    ['n =a', []],
    ['nn=a', []],
    ['xn=a', []],
    ['n; n=a', ['a']],
    ['na; n=b', ['b']],
    ['x=n', []],
  ] as const)
    assert.deepEqual(cookieValues(header, 'n'), values, JSON.stringify(header))
  assert.deepEqual(cookieValues('name=a; names=b; name=c', 'name'), ['a', 'c'])
})
