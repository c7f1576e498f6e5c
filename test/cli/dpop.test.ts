import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { explainRequest } from '../../src/cli/explain/explanation.ts'
import { readTarget } from '../../src/cli/explain/request.ts'
import { inspect } from '../../src/cli/token/inspection.ts'
import type { Brought } from '../../src/cli/token/brought.ts'
import { parseOptions } from '../../src/config/load.ts'
import type { Options } from '../../src/config/options.ts'
import { dpopSite } from '../dpop/site.ts'
import { freshKeys } from '../support/keys.ts'
import { serviceOptions } from '../support/service.ts'

/** A gateway that gave out a bound token and another, and its configuration as the commands read it. */
async function scene(t: TestContext, dpop: Options['dpop'] = { mode: 'optional' }) {
  const keys = await freshKeys(Date.now())
  const publicUrl = 'http://localhost:8080'
  const site = await dpopSite(t, { keys, publicUrl, dpop: { mode: 'optional' } })
  const config = parseOptions({
    publicUrl,
    ...(dpop === undefined ? {} : { dpop }),
    upstreams: { accounts: serviceOptions(site.gateway.service.origin) },
    routes: [{ path: '/api/', backend: site.backend.origin }],
  })
  const plain = String((await site.signIn()).json()['access_token'])
  return { site, config, keys, token: await site.boundToken(), plain }
}

describe('explain', () => {
  test('judges a token with its proof, the same for every kind of client', async (t) => {
    const { site, config, keys, token } = await scene(t)
    const ask = async (lines: Readonly<Record<string, string>>) => {
      const credential = Object.entries(lines).map(([name, value]) => ({ name, value }))
      const asked = { by: 'proxy' } as const
      return explainRequest(readTarget('GET', '/api/things'), credential, {
        config,
        keys,
        revocations: undefined,
        asked,
      })
    }
    const authorization = `DPoP ${token}`
    const good = await ask({ authorization, dpop: await site.prove('/api/things', { token }) })
    assert.deepEqual([good.carrier, good.found.state], ['dpop', 'valid'])
    for (const { status, reason } of good.answers) assert.deepEqual([status, reason], [undefined, undefined])
    assert.equal(Object.keys(good.backend?.headers ?? {}).includes('authorization'), false)

    const elsewhere = await ask({ authorization, dpop: await site.prove('/api/other', { token }) })
    assert.ok(elsewhere.found.state === 'refused')
    assert.equal(elsewhere.found.reason, 'proof_wrong_uri')
    for (const { status, reason } of elsewhere.answers) assert.deepEqual([status, reason], [401, 'proof_wrong_uri'])

    const without = await ask({ authorization })
    assert.ok(without.found.state === 'refused')
    assert.equal(without.found.reason, 'proof_missing')
    assert.match(without.notes.join(' '), /DPoP: …/)
  })
})

describe('token inspect', () => {
  test('tells what a bound token is worth, by how it was brought', async (t) => {
    const { config, keys, token, plain } = await scene(t)
    const off = parseOptions({
      publicUrl: config.publicUrl,
      upstreams: { accounts: serviceOptions('http://127.0.0.1:9') },
    })
    const required = { ...config, dpop: { ...config.dpop, mode: 'required' as const } }
    const verdict = async (carrier: Brought['carrier'], text: string, of = config) => {
      const means = { config: of, keys, keyFault: undefined, revocations: undefined, clock: Date.now }
      return (await inspect({ token: text, carrier, sealed: undefined, out: undefined }, means)).verdict
    }
    const refused = (reason: string, signed = true) => ({ state: 'refused', reason, signed })
    assert.deepEqual(await verdict('dpop', token), { state: 'valid', bound: true })
    assert.deepEqual(await verdict('alone', token), { state: 'valid', bound: true })
    assert.deepEqual(await verdict('bearer', token), refused('bound_token'))
    assert.deepEqual(await verdict('cookie', token), refused('wrong_kind', false))
    assert.deepEqual(await verdict('dpop', plain), refused('unbound_token'))
    assert.deepEqual(await verdict('bearer', plain), { state: 'valid' })
    assert.deepEqual(await verdict('bearer', plain, required), refused('unbound_token'))
    assert.deepEqual(await verdict('dpop', token, off), refused('wrong_kind', false))
    assert.deepEqual(await verdict('alone', token, off), refused('bound_token'))
  })
})
