import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { test } from 'node:test'
import { createLoginUpstream } from '../../src/upstream/login-upstream.ts'
import { answering } from './support/answering.ts'
import { ada, only, parsedUpstream, plainOptions, someGrant, typed, type UpstreamOptions } from './support/upstream.ts'

const secrets: UpstreamOptions['secrets'] = { appKey: { env: 'APP' }, appFile: { file: 'app' }, appId: 'canary-id' }

test('every request may use the secrets, in each of its parts', async () => {
  const { upstream, service } = await answering(
    ({ path }) => (path === '/first' ? { body: { ticket: 'k' } } : { body: { token: 't', id: '1', refresh: 'r' } }),
    {
      secrets,
      login: { request: { path: '/first', json: { u: '{username}', p: '{password}', deep: [{ key: '{appKey}' }] } } },
      secondStep: {
        carry: { ticket: { json: '/ticket' } },
        request: { path: '/two?id={appId}', form: { t: '{ticket}', f: '{appFile}' } },
      },
      profile: { request: { path: '/me', basic: { username: '{appId}', password: '{appKey}' } } },
      check: { request: { method: 'GET', path: '/check/{appFile}' } },
      refresh: { request: { path: '/refresh', json: { key: '{appKey}', old: '{refreshToken}' } } },
      logout: { request: { path: '/logout', headers: { 'X-Key': 'key {appKey}' } } },
    },
  )
  const { grant } = only(await upstream.signIn(typed(ada)), 'signed_in')
  await upstream.check(grant, '1')
  await upstream.refresh(someGrant(), '1')
  await upstream.end(grant, '1')
  const [first, second, profile, check, refresh, logout] = service.calls
  assert.deepEqual(first?.json, { u: 'ada', p: ada.password, deep: [{ key: 'secret of APP' }] })
  assert.equal(second?.query.get('id'), 'canary-id')
  assert.equal(second.form.get('f'), 'content of app')
  const shown = Buffer.from(profile?.headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString()
  assert.equal(shown, 'canary-id:secret of APP')
  assert.equal(check?.path, '/check/content%20of%20app')
  assert.deepEqual(refresh?.json, { key: 'secret of APP', old: 'canary-refresh-token' })
  assert.equal(logout?.headers['x-key'], 'key secret of APP')
})

test('LL-01 a secret is neither kept, nor traced, nor printed', async () => {
  const request = { path: '/login/{appId}', json: { u: '{username}', p: '{password}', key: '{appKey}' } }
  const { upstream, trace } = await answering(
    ({ path, json }) => {
      const asked = (json as { readonly password?: unknown } | undefined)?.password === undefined
      return path.startsWith('/login/') && asked ? { status: 401, body: { need: 'code' } } : { status: 500 }
    },
    {
      secrets,
      login: { request },
      secondStep: {
        when: { status: [401] },
        fields: [{ name: 'code', label: 'Code' }],
        request: { path: '/code', json: { code: '{code}', key: '{appKey}' } },
      },
    },
  )
  const step = only(await upstream.signIn(typed(ada)), 'second_step')
  assert.deepEqual(step.values, { username: 'ada' })
  const outcome = await upstream.continueSignIn(step.values, typed({ code: '1' }))
  const config = parsedUpstream(plainOptions('https://accounts.example.com', { secrets }))
  const told = [JSON.stringify({ step, outcome, trace }), inspect({ step, outcome, trace, config }, { depth: 20 })]
  for (const text of told) {
    for (const secret of ['secret of APP', 'content of app', 'canary-id']) assert.ok(!text.includes(secret), secret)
  }
})

test('what was sealed under the name of a secret is not sent in its place', async () => {
  const { upstream, service } = await answering({}, { secrets, check: { request: { path: '/me', json: '{appKey}' } } })
  await upstream.check(someGrant({ values: { appKey: 'sealed before' } }), '1')
  assert.equal(service.calls[0]?.json, 'secret of APP')
})

test('what a secret makes impossible is a fault of the description, not wrong credentials', async () => {
  const config = parsedUpstream(
    plainOptions('http://127.0.0.1:9', {
      secrets: { dots: '..' },
      login: { request: { path: '/a/{dots}', json: ['{username}', '{password}'] } },
    }),
  )
  const upstream = createLoginUpstream(config, { clock: Date.now })
  assert.equal(only(await upstream.signIn(typed(ada)), 'failed').as, 'upstream_bad')
  await upstream.close()
})
