import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { UpstreamOptions } from './support/upstream.ts'
import { answering } from './support/answering.ts'
import type { Call } from './support/server.ts'
import { ada, only, typed } from './support/upstream.ts'

type Request = UpstreamOptions['login']['request']

const account = { token: 't', id: '1' }

/** What arrives when this is typed. A template that leaves a field out has it in the query, since every field must be sent. */
async function sent(
  request: Request,
  values: Readonly<Record<string, string>> = ada,
  fields?: UpstreamOptions['fields'],
): Promise<Call> {
  const text = JSON.stringify(request)
  const rest = ['username', 'password'].filter((name) => !text.includes(`{${name}}`)).map((name) => `{${name}}`)
  const whole =
    rest.length === 0
      ? request
      : { ...request, path: `${request.path}${request.path.includes('?') ? '&' : '?'}rest=${rest.join('')}` }
  const { upstream, service } = await answering(
    { body: account },
    { login: { request: whole }, ...(fields === undefined ? {} : { fields }) },
  )
  only(await upstream.signIn(typed(values)), 'signed_in')
  const [call] = service.calls
  assert.ok(call !== undefined)
  return call
}

const hard = 'pä ss\u{1f511}+/=\\"\'{username}{€}&?#%41;\t\u0001'
const login = (json: unknown): Request => ({ path: '/login', json })

test('LG-07 a password arrives byte for byte in JSON, in a form, in a path and in a query', async () => {
  const long = `${hard}${'x'.repeat(200)}`
  const values = { username: 'ada', password: long }
  assert.deepEqual((await sent(login({ deep: [{ p: '{password}' }] }), values)).json, { deep: [{ p: long }] })
  assert.equal((await sent({ path: '/login', form: { p: '{password}' } }, values)).form.get('p'), long)
  assert.equal(decodeURIComponent((await sent({ path: '/users/{password}/x' }, values)).path.split('/')[2] ?? ''), long)
  assert.equal((await sent({ method: 'GET', path: '/login?p={password}&u=1' }, values)).query.get('p'), long)
})

test('LG-07 a password arrives byte for byte in HTTP Basic, beside a body', async () => {
  const call = await sent(
    { path: '/login', json: { name: 'x' }, basic: { username: '{username}', password: '{password}' } },
    { username: 'ädä', password: 'pä:ss: \u{1f511}' },
  )
  assert.equal(
    Buffer.from(call.headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString(),
    'ädä:pä:ss: \u{1f511}',
  )
  assert.deepEqual(call.json, { name: 'x' })
})

test('LG-07 no text that is typed becomes anything but itself', async () => {
  const { upstream, service } = await answering(
    { body: account },
    {
      login: {
        request: {
          path: '/u/{username}/l?q={username}',
          json: { p: '{password}', q: ['{username}'] },
          contentType: 'application/x',
        },
      },
    },
  )
  const text = fc.string({ minLength: 1, maxLength: 50, unit: 'binary' }).filter((one) => one !== '.' && one !== '..')
  await fc.assert(
    fc.asyncProperty(text, text, async (username, password) => {
      only(await upstream.signIn(typed({ username, password })), 'signed_in')
      const call = service.calls.at(-1)
      assert.deepEqual(call?.json, { p: password, q: [username] })
      assert.equal(decodeURIComponent(call.path), `/u/${username}/l`)
      assert.equal(call.path.split('/').length, 4)
      assert.equal(call.query.get('q'), username)
    }),
    { numRuns: 100 },
  )
})

test('in JSON everything that is no text stays as it is, and text that is no field too', async () => {
  const json = {
    n: 1,
    t: true,
    z: null,
    list: [1, 'a', null],
    text: '{ username } {} {"a":1}',
    both: '<{username}|{password}>',
  }
  assert.deepEqual((await sent(login(json))).json, { ...json, both: '<ada|canary-password>' })
  assert.equal((await sent(login('{username}'))).body, '"ada"')
})

const fields: UpstreamOptions['fields'] = [
  { name: 'username', label: 'User' },
  { name: 'password', label: 'Password', type: 'password' },
  { name: 'code', label: 'Code', required: false },
]

test('a member or a form field that is nothing but an optional field left empty is left out', async () => {
  const json = { u: '{username}', p: '{password}', c: '{code}', deep: { c: '{code}', d: 'x{code}' } }
  const without = { u: 'ada', p: ada.password, deep: { d: 'x' } }
  assert.deepEqual((await sent(login(json), ada, fields)).json, without)
  assert.deepEqual((await sent(login(json), { ...ada, code: '' }, fields)).json, without)
  assert.deepEqual((await sent(login(json), { ...ada, code: '7' }, fields)).json, {
    u: 'ada',
    p: ada.password,
    c: '7',
    deep: { c: '7', d: 'x7' },
  })
  const form = { u: '{username}', p: '{password}', c: '{code}', d: 'x{code}' }
  assert.equal((await sent({ path: '/login', form }, ada, fields)).body, 'u=ada&p=canary-password&d=x')
})

test('a header or a pair of the query that is nothing but an optional field left empty is left out', async () => {
  const json = { u: '{username}', p: '{password}' }
  const headers = { 'X-OTP': '{code}', 'X-Form': 'otp={code}' }
  const path = '/login?a=1&otp={code}&b=&c=x{code}&{code}&d'
  const without = await sent({ path, json, headers }, ada, fields)
  assert.equal(without.url, '/login?a=1&b=&c=x&&d')
  assert.deepEqual([without.headers['x-otp'], without.headers['x-form']], [undefined, 'otp='])
  const whole = await sent({ path, json, headers }, { ...ada, code: '7&' }, fields)
  assert.equal(whole.url, '/login?a=1&otp=7%26&b=&c=x7%26&7%26&d')
  assert.deepEqual([whole.headers['x-otp'], whole.headers['x-form']], ['7&', 'otp=7&'])
  assert.equal((await sent({ path: '/login?otp={code}', json }, ada, fields)).url, '/login')
})

test('a header or a pair of the query whose value the service did not give is no call, rather than one without it', async () => {
  const values = { csrf: { json: '/csrf' } }
  for (const request of [{ path: '/logout', headers: { 'X-CSRF-Token': '{csrf}' } }, { path: '/logout?csrf={csrf}' }]) {
    const { upstream, service } = await answering({ body: account }, { login: { values }, logout: { request } })
    const { grant } = only(await upstream.signIn(typed(ada)), 'signed_in')
    only(await upstream.end(grant, '1'), 'failed')
    assert.equal(service.calls.length, 1)
  }
})

test('a form is encoded in a way that every decoder reads alike', async () => {
  const call = await sent({ path: '/login', form: { 'a b': "{username} +/=\\!'()*~" } })
  assert.equal(call.body, 'a%20b=ada%20%2B%2F%3D%5C%21%27%28%29%2A~')
  assert.equal(call.headers['content-type'], 'application/x-www-form-urlencoded')
})

test('the content type can be another one than that of the body', async () => {
  assert.equal(
    (await sent({ ...login(['{username}', '{password}']), contentType: 'application/json-rpc' })).headers[
      'content-type'
    ],
    'application/json-rpc',
  )
  assert.equal((await sent(login(['{username}', '{password}']))).headers['content-type'], 'application/json')
})

test('a request has no header that nobody asked for, and configured ones replace our own', async () => {
  const call = await sent(login(['{username}', '{password}']))
  assert.deepEqual(Object.keys(call.headers).toSorted(), [
    'accept',
    'accept-encoding',
    'connection',
    'content-length',
    'content-type',
    'host',
    'user-agent',
  ])
  const headers = {
    Accept: 'application/vnd.x+json',
    'User-Agent': 'acme',
    'X-Key': { env: 'KEY' },
    'X-Tenant': 't-{username}',
  }
  const other = await sent({ ...login(['{password}']), headers })
  assert.equal(other.headers.accept, 'application/vnd.x+json')
  assert.equal(other.headers['user-agent'], 'acme')
  assert.equal(other.headers['x-key'], 'secret of KEY')
  assert.equal(other.headers['x-tenant'], 't-ada')
  assert.equal(other.rawHeaders.filter((name) => name.toLowerCase() === 'accept').length, 1)
})

const unfit: readonly (readonly [string, Request, Readonly<Record<string, string>>])[] = [
  [
    'a line break in a header',
    { ...login('{password}'), headers: { 'X-User': '{username}' } },
    { username: 'ada\r\nX-Admin: 1' },
  ],
  [
    'a character beyond Latin-1 in a header',
    { ...login('{password}'), headers: { 'X-User': '{username}' } },
    { username: 'ada\u{1f511}' },
  ],
  ['a NUL in a header', { ...login('{password}'), headers: { 'X-User': '{username}' } }, { username: 'a\0' }],
  [
    'a colon in the user name of HTTP Basic',
    { path: '/login', basic: { username: '{username}', password: '{password}' } },
    { username: 'a:b' },
  ],
  [
    'a line break in HTTP Basic',
    { path: '/login', basic: { username: '{username}', password: '{password}' } },
    { password: 'a\nb' },
  ],
  ['two dots as a path segment', { ...login('{password}'), path: '/users/{username}/login' }, { username: '..' }],
  ['one dot as a path segment', { ...login('{password}'), path: '/users/{username}/login' }, { username: '.' }],
  ['half a surrogate pair in JSON', login(['{username}', '{password}']), { password: '\ud800' }],
  ['half a surrogate pair in a form', { path: '/login', form: { a: '{username}{password}' } }, { username: '\udc00x' }],
  ['a required field that is empty', login(['{username}', '{password}']), { password: '' }],
]

for (const [what, request, values] of unfit) {
  test(`EH-02 ${what} is wrong credentials, and is not sent`, async () => {
    const { upstream, service } = await answering({ body: account }, { login: { request } })
    const outcome = only(await upstream.signIn(typed({ ...ada, ...values })), 'refused')
    assert.equal(outcome.as, 'bad_credentials')
    assert.equal(service.calls.length, 0)
  })
}

test('two people who sign in at once do not share a cookie', async () => {
  const { upstream, service } = await answering({ body: account, headers: { 'set-cookie': 'sid=canary; Path=/' } })
  await Promise.all([1, 2, 3].map(() => upstream.signIn(typed(ada))))
  await upstream.signIn(typed(ada))
  assert.equal(service.calls.length, 4)
  for (const { headers } of service.calls) assert.equal(headers.cookie, undefined)
})
