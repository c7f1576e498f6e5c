import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { after, before, beforeEach, describe, test } from 'node:test'
import { assertLogsAreClean } from '../contract/refusal.ts'
import { send } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { answerOf, startRawUpstream, type RawUpstream } from './raw-upstream.ts'
import { exchange } from '../wire/raw.ts'

/*
 * The attack: whatever can be posted to the sign-in. Only one text for each field is a sign-in; the rest is refused before
 * the service hears of it.
 */

let upstream: RawUpstream
let gateway: Gateway
const bodies: string[] = []
before(async () => {
  upstream = await startRawUpstream(
    () => answerOf('{"error":"no"}', 'HTTP/1.1 401 X'),
    (body) => bodies.push(body),
  )
  gateway = await startGateway({
    face: 'server',
    options: () => ({
      upstreams: {
        raw: {
          kind: 'login',
          origin: upstream.origin,
          login: {
            request: { path: '/login', json: { u: '{username}', p: '{password}' } },
            token: { json: '/token' },
            subject: { json: '/id' },
          },
        },
      },
    }),
  })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})
beforeEach(() => {
  gateway.clock.advance(minutes(20))
  bodies.length = 0
  upstream.requests.length = 0
})

const form = 'application/x-www-form-urlencoded'
const json = 'application/json'

async function post(type: string | undefined, body: string | Buffer, more: readonly string[] = []) {
  const head = [
    'POST /_auth/login HTTP/1.1',
    'Host: localhost',
    'Connection: close',
    'Sec-Fetch-Site: same-origin',
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
    ...more,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ].join('\r\n')
  const text = typeof body === 'string' ? Buffer.from(body) : body
  const answer = await exchange(gateway, Buffer.concat([Buffer.from(`${head}\r\n\r\n`), text]).toString('latin1'))
  assert.doesNotMatch(answer.text, /set-cookie: postern=|access_token|canary/i)
  assertLogsAreClean(gateway)
  assert.ok(!gateway.events.some(({ type: what }) => what === 'error'))
  return answer
}

const pair = '"username":"ada","password":"canary-password"'
const both = 'username=ada&password=canary-password'

describe('LG-11 refused before the service hears of it:', () => {
  for (const [what, type, body, status] of [
    ['nothing', json, '', 400],
    ['nothing in a form', form, '', 400],
    ['a form of one name', form, 'username', 400],
    ['a form of ampersands', form, '&'.repeat(10_000), 400],
    ['10,000 fields, beyond 16 kB', form, Array.from({ length: 10_000 }, (_, index) => `a${index}=1`).join('&'), 413],
    ['17 kB of form', form, `${both}&a=${'x'.repeat(17_000)}`, 413],
    ['17 kB of JSON', json, `{${pair},"a":"${'x'.repeat(17_000)}"}`, 413],
    ['a name of 17 kB', json, `{"username":"${'x'.repeat(17_000)}","password":"a"}`, 413],
    ['a name twice in a form', form, `username=bob&${both}`, 400],
    ['a password twice in a form', form, `${both}&password=b`, 400],
    ['a list in a form', form, 'username[]=ada&password=a', 400],
    ['an operator in a form', form, 'username[$ne]=1&password[$ne]=1', 400],
    ['a list', json, `{"username":["ada"],"password":"a"}`, 400],
    ['an operator', json, `{"username":{"$ne":1},"password":{"$ne":1}}`, 400],
    ['a number', json, `{"username":1,"password":"a"}`, 400],
    ['a boolean', json, `{"username":true,"password":"a"}`, 400],
    ['null', json, `{"username":null,"password":"a"}`, 400],
    ['the text null', json, 'null', 400],
    ['a list of pairs', json, `[{${pair}}]`, 400],
    ['a text', json, '"canary-password"', 400],
    ['a further member that is an object', json, `{${pair},"a":{}}`, 400],
    ['__proto__', json, `{${pair},"__proto__":{"upstream":"raw"}}`, 400],
    ['__proto__ as a text', json, `{${pair},"__proto__":"a"}`, 400],
    ['constructor', json, `{${pair},"constructor":{"prototype":{"a":1}}}`, 400],
    ['deep JSON', json, `${'['.repeat(8_000)}${']'.repeat(8_000)}`, 400],
    ['deep JSON that stays open', json, '{"a":'.repeat(3_000), 400],
    ['JSON that breaks off', json, `{${pair}`, 400],
    ['two texts of JSON', json, `{${pair}}{${pair}}`, 400],
    ['a comment in JSON', json, `{${pair}/**/}`, 400],
    ['a response that is none', json, `{${pair},"response":"both"}`, 400],
    ['an upstream that is none', json, `{${pair},"upstream":"constructor"}`, 400],
    ['an empty name', json, `{"username":"","password":"a"}`, 400],
    ['an empty password', json, `{"username":"ada","password":""}`, 400],
    ['JSON that calls itself a form', form, `{${pair}}`, 400],
    ['a form that calls itself JSON', json, both, 400],
    [
      'a multipart form',
      'multipart/form-data; boundary=x',
      `--x\r\nContent-Disposition: form-data; name="username"\r\n\r\nada\r\n--x--`,
      403,
    ],
    ['XML', 'application/xml', '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', 403],
    ['no type', undefined, `{${pair}}`, 403],
  ] as const) {
    test(what, async () => {
      const answer = await post(type, body)
      // Who names a site of ours in Fetch Metadata gets further with a type that nobody reads.
      assert.ok(answer.status === status || (status === 403 && answer.status === 415), answer.text)
      assert.deepEqual(upstream.requests, [])
    })
  }

  test('a body that is compressed', async () => {
    for (const coding of ['gzip', 'br', 'deflate', 'zstd', 'gzip, gzip']) {
      const answer = await post(json, gzipSync(`{${pair}}`), [`Content-Encoding: ${coding}`])
      assert.ok([400, 415].includes(answer.status), `${coding} ${answer.text}`)
      const bomb = await post(json, gzipSync(Buffer.alloc(5_000_000, 32)), [`Content-Encoding: ${coding}`])
      assert.ok([400, 415].includes(bomb.status), `${coding} ${bomb.text}`)
    }
    assert.deepEqual(upstream.requests, [])
  })

  test('a body of another character set', async () => {
    for (const type of [`${json}; charset=utf-16`, `${json}; charset=utf-7`]) {
      const answer = await post(type, Buffer.from(`{${pair}}`, 'utf16le'))
      assert.ok([400, 415].includes(answer.status), answer.text)
    }
    assert.deepEqual(upstream.requests, [])
  })
})

describe('LG-07 what is typed arrives as it is, or not at all:', () => {
  const arrived = () => bodies.map((body) => JSON.parse(body) as { u: string; p: string })

  test('every character of the basic plane in a password, by form and by JSON', async () => {
    for (let from = 0; from < 0x1_0000; from += 0x400) {
      const text = Array.from({ length: 0x400 }, (_, index) => from + index)
        .filter((code) => code < 0xd800 || code > 0xdfff)
        .map((code) => String.fromCharCode(code))
        .join('')
      if (text === '') continue
      gateway.clock.advance(minutes(20))
      const sent = [
        JSON.stringify({ username: 'ada', password: text }),
        new URLSearchParams({ username: 'ada', password: text }).toString(),
      ]
      for (const [index, type] of [json, form].entries()) {
        const answer = await post(type, sent[index] ?? '')
        assert.equal(answer.status, 401, answer.text)
        assert.equal(arrived().at(-1)?.p, text)
      }
    }
    assert.equal(bodies.length, 124)
  })

  test('percent escapes that are none, and bytes that are no UTF-8, never become a fault of ours', async () => {
    for (const text of ['%', '%zz', '%4', '%C3', '%ED%A0%80', '%00', '+%2B+', '%u0041'])
      for (const body of [`username=ada&password=${text}`, `username=${text}&password=a`, `${text}=a&${both}`]) {
        gateway.clock.advance(minutes(20))
        const answer = await post(form, body)
        assert.ok([400, 401].includes(answer.status), `${body} ${answer.text}`)
      }
    for (const body of [
      Buffer.from(`{"username":"ada","password":"\u00ff"}`, 'latin1'),
      Buffer.from('username=ada&password=\u00ff', 'latin1'),
    ]) {
      const answer = await post(body[0] === 0x7b ? json : form, body)
      assert.ok([400, 401].includes(answer.status), answer.text)
    }
  })

  test('half of a surrogate pair is not sent as something else', async () => {
    for (const text of ['\\ud800', 'a\\udc00b', '\\udc00\\ud800']) {
      gateway.clock.advance(minutes(20))
      const answer = await post(json, `{"username":"ada","password":"${text}"}`)
      assert.ok([400, 401, 502].includes(answer.status), answer.text)
      for (const { p } of arrived()) assert.ok(!p.includes('\ufffd'), 'a replacement is another password')
    }
  })
})

describe('LG-02 one account, however its name is written:', () => {
  const names = (from: readonly string[]) => from.map((name) => JSON.stringify({ username: name, password: 'a' }))
  async function asked(all: readonly string[]): Promise<number> {
    for (const body of names(all)) {
      const { status } = await send(`${gateway.origin}/_auth/login`, 'POST', { 'content-type': json }, body)
      assert.ok([401, 429].includes(status), String(status))
    }
    return upstream.requests.length
  }

  test('letters, widths, forms of Unicode, spaces and domains', async () => {
    const spellings = [
      'zoe\u0308',
      'zo\u00eb',
      'ZO\u00cb',
      ' zo\u00eb ',
      '\u00a0zo\u00eb\u3000',
      '\uff5a\uff4f\u00eb',
      'zo\u00eb@example.com',
      'Zoe\u0308@EXAMPLE.com',
    ]
    assert.equal(await asked([...spellings, ...spellings]), 5)
  })

  test('spaces alone are one name, and 16,000 characters are one', async () => {
    assert.equal(await asked(['   ', ' ', '\t', '\u00a0', '\u3000', '\u2003', ' \n', '  ']), 5)
    gateway.clock.advance(minutes(20))
    upstream.requests.length = 0
    assert.equal(await asked(Array.from({ length: 8 }, () => 'x'.repeat(15_900))), 5)
  })

  test('letters of other scripts that look alike are other accounts, as at the service; the address is still counted', async () => {
    const alike = ['bob', 'b\u043eb', 'b\u03bfb']
    assert.equal(await asked([...alike, ...alike, ...alike]), 9)
    upstream.requests.length = 0
    await asked(Array.from({ length: 40 }, (_, index) => `b${String.fromCharCode(0x400 + index)}b`))
    assert.equal(upstream.requests.length, 21, 'thirty of one address in all')
  })
})
