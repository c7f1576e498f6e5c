import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createOwnCookies } from '../../src/forward/cookies.ts'
import { createHeaderSieve, rememberNames } from '../../src/forward/header-names.ts'
import { headerValue, identityHeaders, identityMap } from '../../src/forward/identity.ts'
import { requestHeaders } from '../../src/forward/request-headers.ts'
import { responseHeaders } from '../../src/forward/response-headers.ts'

const sieve = createHeaderSieve([
  ...identityMap(
    new Map([
      ['Remote-User', 'sub'],
      ['X.Team_Name', 'team'],
    ]),
  ).keys(),
])
const cookies = createOwnCookies(['__Host-postern', '__Host-postern-upt', 'old-name'])
const rules = { sieve, cookies, proto: 'https', host: 'app.example.com' }

describe('PX-01 the name of a header', () => {
  test('is the same in every spelling that some backend folds together', () => {
    for (const name of [
      'X-Team-Name',
      'x.team.name',
      'X_TEAM_NAME',
      'x-Team_name',
      'REMOTE_USER',
      'Forwarded',
      'X_Forwarded',
      'client_ip',
      'PROXY',
      'x_real.ip',
      'X-Forwarded-Anything',
      'x.postern.a',
      'Host',
      'TE',
      'Transfer_Encoding',
      'HTTP2-Settings',
      // Written anew.
      'TraceParent',
      'tracestate',
    ]) {
      assert.equal(sieve.fateOf(name), 'drop', name)
    }
  })

  test('and others are kept', () => {
    for (const name of [
      'X-Team',
      'X-Team-Names',
      'XTeamName',
      'XForwarded',
      'Remote',
      'Accept',
      'Content-Type',
      'content-length',
      'X-Request-Id',
      'Origin',
      'constructor',
      '__proto__',
    ]) {
      assert.equal(sieve.fateOf(name), 'keep', name)
    }
  })

  test('a cookie, a credential and a length have one spelling', () => {
    assert.deepEqual(['Cookie', 'COOKIE', 'Authorization', 'Connection', 'Content-Length'].map(sieve.fateOf), [
      'cookie',
      'cookie',
      'authorization',
      'connection',
      'keep',
    ])
    assert.deepEqual(['Content_Length', 'content.type'].map(sieve.fateOf), ['drop', 'drop'])
  })

  test('DS-07 is judged alike however many were seen before', () => {
    const crowded = createHeaderSieve([])
    for (let index = 0; index < 3000; index += 1) crowded.fateOf(`x-${index}`)
    assert.equal(crowded.fateOf('x-2999'), 'keep')
    assert.equal(crowded.fateOf('X_Forwarded_User'), 'drop')
  })

  test('DS-07 of up to 64 characters is remembered, and of more is judged anew, so that what is kept has a bound in bytes', () => {
    const judged: string[] = []
    const judge = rememberNames((name) => judged.push(name))
    const [kept, long] = ['k'.repeat(64), 'l'.repeat(65)]
    for (const name of [kept, long, kept, long]) judge(name)
    assert.deepEqual(judged, [kept, long, long])
  })
})

describe('what a backend gets', () => {
  const forwarded = (raw: readonly string[], added: readonly (readonly [string, string])[] = [], pass = false) =>
    requestHeaders({ rawHeaders: raw, address: '192.0.2.1' }, rules, pass, added)
  const ours = ['x-forwarded-for', '192.0.2.1', 'x-forwarded-proto', 'https', 'x-forwarded-host', 'app.example.com']

  test('is what the client may say, as it said it, and then what we say', () => {
    assert.deepEqual(
      forwarded(['Accept', 'a', 'ACCEPT', 'b', 'Host', 'evil', 'X-Real-IP', '1'], [['x-forwarded-user', 'me']]),
      ['Accept', 'a', 'ACCEPT', 'b', ...ours, 'x-forwarded-user', 'me'],
    )
  })

  test('holds each of ours once: what is added later counts', () => {
    const added = [
      ['x-forwarded-proto', 'operator'],
      ['authorization', 'operator'],
      ['x-api-key', 'operator'],
      ['authorization', 'upstream'],
      ['x_api_key', 'person'],
    ] as const
    assert.deepEqual(forwarded(['Authorization', 'client', 'X.Api.Key', 'client'], added, true), [
      'x-forwarded-for',
      '192.0.2.1',
      'x-forwarded-proto',
      'operator',
      'x-forwarded-host',
      'app.example.com',
      'authorization',
      'upstream',
      'x_api_key',
      'person',
    ])
  })

  test('holds what shows a token in place of everything else of its name, and its cookies in one line with the others', () => {
    const raw = ['Cookie', 'a=1; __Host-postern=x', 'X.Api.Key', 'client', 'cookie', 'SID=theirs; b=2']
    const headers = requestHeaders(
      { rawHeaders: raw, address: '192.0.2.1' },
      rules,
      false,
      [['x-api-key', 'operator']],
      [
        ['x-api-key', 'person'],
        ['cookie', 'SID=person'],
      ],
    )
    assert.deepEqual(headers, [...ours, 'x-api-key', 'person', 'cookie', 'SID=person; a=1; b=2'])
  })

  test('PX-05 holds a credential of the client’s only where it is passed through', () => {
    const raw = ['Authorization', 'Basic a', 'Cookie', '__Host-postern=a']
    assert.deepEqual(forwarded(raw), ours)
    assert.deepEqual(forwarded(raw, [], true), ['Authorization', 'Basic a', ...ours])
  })

  test('PX-02 loses what Connection names, in any of its lines, and nothing of ours', () => {
    const raw = [
      'Connection',
      'close, X-A',
      'X-A',
      '1',
      'x-b',
      '2',
      'CONNECTION',
      ' x-B ,x-forwarded-for,X-Forwarded-User',
    ]
    assert.deepEqual(forwarded(raw, [['x-forwarded-user', 'me']]), [...ours, 'x-forwarded-user', 'me'])
  })

  test('says nothing of an address that is not known', () => {
    const headers = requestHeaders({ rawHeaders: ['X-Forwarded-For', 'evil'], address: undefined }, rules, false, [])
    assert.deepEqual(headers, ours.slice(2))
  })
})

describe('CK-07 our cookies', () => {
  test('are taken out in every position and spacing', () => {
    for (const [header, kept] of [
      ['__Host-postern=a', undefined],
      ['', undefined],
      [';;  ;', undefined],
      ['a=1;__Host-postern=b;c=2', 'a=1; c=2'],
      ['  __host-POSTERN = b ; c=2', 'c=2'],
      ['__Host-postern', undefined],
      ['__Host-postern=a=b; old-name="x; y"; c=2', 'y"; c=2'],
      ['\u00a0__Host-postern=a', undefined],
      ['=__Host-postern=a; b=1', 'b=1'],
      ['a="1; __Host-postern-upt=x', 'a="1'],
      ['__Host-postern-other=1; x__Host-postern=2', '__Host-postern-other=1; x__Host-postern=2'],
    ] as const) {
      assert.equal(cookies.strip(header), kept, header)
    }
  })

  test('never come through, whatever stands around them', () => {
    const parts = fc.constantFrom('__Host-postern', 'OLD-name', 'a', 'b', '=', ';', '; ', ' ', '\t', '"', ',')
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 14 }), (pieces) => {
        const kept = cookies.strip(pieces.join('')) ?? ''
        for (const pair of kept.split(';')) assert.doesNotMatch(pair, /^[\s=]*(__host-postern|old-name)[\s]*(=|$)/i)
      }),
    )
  })

  test('cannot be set by a backend, with or without a name', () => {
    for (const value of [
      '__Host-postern=x',
      '__host-postern=x; Path=/',
      ' old-name =x',
      '=old-name=x',
      '==old-name=x',
      'old-name',
      '\told-name=x',
    ])
      assert.ok(cookies.sets(value), value)
    for (const value of ['a=old-name', 'a=1; old-name=x', 'old-names=x', '']) assert.ok(!cookies.sets(value), value)
  })
})

describe('PX-15 an identity value', () => {
  test('is plain text as it is, and anything else percent-encoded', () => {
    for (const [value, expected] of [
      ['John Doe', 'John Doe'],
      ['', ''],
      [undefined, ''],
      [42, '42'],
      [true, 'true'],
      [['a', 'b c', 3], 'a,b c,3'],
      [[], ''],
      ['a\r\nX-Role: admin', 'a%0D%0AX-Role: admin'],
      ['\u0000\u007f', '%00%7F'],
      ['山田 太郎', '%E5%B1%B1%E7%94%B0 %E5%A4%AA%E9%83%8E'],
      ['Zoë', 'Zo%C3%AB'],
      ['👩‍🚀', '%F0%9F%91%A9%E2%80%8D%F0%9F%9A%80'],
      ['\ud800', '%EF%BF%BD'],
      [' spaced ', '%20spaced%20'],
      [' ', '%20'],
      ['100%', '100%25'],
      ['%C3%AB', '%25C3%25AB'],
      [['a,b', '%2C', ' c'], 'a%2Cb,%252C,%20c'],
      ['100% é', '100%25 %C3%A9'],
    ] as const) {
      assert.equal(headerValue(value), expected, JSON.stringify(value))
    }
  })

  test('is always one that a header can carry', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.string({ unit: 'binary' }))), (value) => {
        assert.match(headerValue(value), /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/)
      }),
    )
  })

  test('FA-01 stands for every name there is, empty where nothing is known', () => {
    const claims = {
      v: 1,
      iss: '',
      sub: 'a|1',
      aud: '',
      client_id: '',
      iat: 0,
      nbf: 0,
      exp: 0,
      jti: '',
      sid: '',
      auth_time: 0,
      upn: 'a',
      profile: { team: ['x', 'y'] },
    }
    assert.deepEqual(identityHeaders(identityMap(new Map([['X-Team', 'team']])), claims), [
      ['x-forwarded-user', 'a|1'],
      ['x-forwarded-email', ''],
      ['x-forwarded-groups', ''],
      ['x-forwarded-preferred-username', ''],
      ['x-team', 'x,y'],
    ])
  })

  test('says one thing: two values never look alike', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), (items) => {
        assert.deepEqual(headerValue(items).split(',').map(decodeURIComponent), items)
      }),
    )
  })

  test('is never taken from what every object has', () => {
    const claims = {
      v: 1,
      iss: '',
      sub: 'a|1',
      aud: '',
      client_id: '',
      iat: 0,
      nbf: 0,
      exp: 0,
      jti: '',
      sid: '',
      auth_time: 0,
      upn: 'a',
      profile: {},
    }
    for (const name of ['constructor', '__proto__', 'toString'])
      assert.equal(identityHeaders(new Map([['x-a', name]]), claims)[0]?.[1], '', name)
  })
})

describe('PX-13 what a client gets', () => {
  const anyone = { cookies, personal: false, cors: false, hsts: undefined }

  test('is without what was meant for our connection', () => {
    const raw = [
      'Connection',
      'X-A, close',
      'X-A',
      '1',
      'Keep-Alive',
      '1',
      'Transfer-Encoding',
      'chunked',
      'Trailer',
      'a',
      'Upgrade',
      'h2c',
      'X-B',
      '2',
    ]
    assert.deepEqual(responseHeaders(raw, anyone), ['X-B', '2'])
  })

  test('is without a length beside chunks', () => {
    assert.deepEqual(responseHeaders(['Content-Length', '5', 'Transfer-Encoding', 'chunked'], anyone), [])
    assert.deepEqual(responseHeaders(['Content-Length', '5'], anyone), ['Content-Length', '5'])
  })

  test('CK-07 is told to clear anything but cookies, ours among them', () => {
    for (const [said, kept] of [
      ['"cookies"', undefined],
      ['"*"', undefined],
      ['"cache", "cookies", "storage"', '"cache", "storage"'],
      ['"cache","Cookies","*"', '"cache"'],
      ['cookies', undefined],
      ['  "cookies" ,, ', undefined],
      ['"storage"', '"storage"'],
      ['"executionContexts", "clientHints"', '"executionContexts", "clientHints"'],
    ] as const) {
      for (const name of ['Clear-Site-Data', 'clear-site-data', 'CLEAR-SITE-DATA']) {
        for (const rules of [anyone, { ...anyone, personal: true }]) {
          const headers = responseHeaders([name, said, name, '"cookies"'], rules)
          const values = headers.filter((_value, index) => headers[index - 1] === name)
          assert.deepEqual(values, kept === undefined ? [] : [kept], said)
        }
      }
    }
  })

  test('has no say in the session of the gateway, where that is bound to a device', () => {
    const raw = ['Secure-Session-Registration', '(ES256);path="/b"', 'sec-session-challenge', '"x"', 'X-B', '2']
    assert.deepEqual(responseHeaders(raw, { ...anyone, deviceBound: true }), ['X-B', '2'])
    assert.deepEqual(responseHeaders(raw, anyone), raw)
  })

  test('keeps bytes over 127 as they are', () => {
    assert.deepEqual(responseHeaders([Buffer.from('X-A'), Buffer.from('caf\u00e9', 'latin1')], anyone), [
      'X-A',
      'caf\u00e9',
    ])
  })

  test('CK-04 says once who may keep it, where it was made for one person', () => {
    const personal = { ...anyone, personal: true }
    assert.deepEqual(
      responseHeaders(
        [
          'Cache-Control',
          'public',
          'cache-control',
          's-maxage=5, max-age=1',
          'CDN-Cache-Control',
          'a',
          'X-Accel-Expires',
          '5',
        ],
        personal,
      ),
      ['cache-control', 'private, max-age=1', 'vary', 'Cookie'],
    )
    assert.deepEqual(responseHeaders(['Content-Type', 'text/html', 'Cache-Control', 'max-age=1'], personal), [
      'Content-Type',
      'text/html',
      'cache-control',
      'no-store',
    ])
  })
})
