import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createPostern } from '../../src/plugin.ts'
import { configOf, faultsOf, fullSecrets, minimal } from './samples.ts'

const backend = 'http://127.0.0.1:3000'
const off =
  'no proof is looked at while `dpop.mode` is `off`; say `dpop: { mode: optional }` at the top, or take this out'
const clients = { reports: { secretFile: './reports.secret' } }

describe('dpop', () => {
  test('is off, with nonces once it is on', () => {
    const { dpop, routes } = configOf({ ...minimal, routes: [{ path: '/', backend }] })
    assert.deepEqual([dpop, routes[0]?.dpop], [{ mode: 'off', nonces: true }, 'off'])
  })

  test('holds for every route and every client that does not say another thing', () => {
    const routes = [
      { path: '/', backend },
      { path: '/old', backend, dpop: 'optional' },
    ]
    const more = { old: { secretFile: './reports.secret', dpop: 'optional' } }
    const all = { ...minimal, dpop: { mode: 'required' }, routes, clients: { ...clients, ...more } }
    const config = configOf(all, fullSecrets)
    assert.deepEqual(
      config.routes.map(({ dpop }) => dpop),
      ['required', 'optional'],
    )
    assert.deepEqual(
      [...config.clients.values()].map(({ id, dpop }) => [id, dpop]),
      [
        ['reports', 'required'],
        ['old', 'optional'],
      ],
    )
  })

  test('of one route or client is a fault while it is off', () => {
    const options = {
      ...minimal,
      routes: [{ path: '/', backend, dpop: 'required' }],
      clients: { reports: { ...clients.reports, dpop: 'optional' } },
    }
    assert.deepEqual(faultsOf(options, fullSecrets).toSorted(), [
      `clients.reports.dpop: ${off}`,
      `routes[0].dpop: ${off}`,
    ])
  })

  test('of a route where no token of ours is looked at is a fault', () => {
    const options = {
      ...minimal,
      dpop: { mode: 'optional' },
      routes: [
        { path: '/public', access: 'public', backend, dpop: 'required' },
        { path: '/theirs', authorization: 'passthrough', backend, dpop: 'required' },
        { path: '/either', access: 'optional', backend, dpop: 'required' },
      ],
    }
    assert.deepEqual(faultsOf(options), [
      'routes[0].dpop: nobody is asked who they are on a public route; take this out, or `access: public`',
      'routes[1].dpop: no token of ours is looked at with `authorization: passthrough`; take one of the two out',
    ])
  })

  test('of a guard is a fault while it is off', () => {
    const postern = createPostern(minimal)
    assert.throws(() => postern.requireAuth({}, { dpop: 'required' }), { code: 'POSTERN_CONFIG_INVALID' })
    assert.throws(() => postern.optionalAuth({ dpop: 'optional' }), { code: 'POSTERN_CONFIG_INVALID' })
    assert.doesNotThrow(() =>
      createPostern({ ...minimal, dpop: { mode: 'optional' } }).requireAuth({}, { dpop: 'required' }),
    )
  })

  test('is refused in other words', () => {
    for (const dpop of [true, 'required', { mode: 'on' }, { mode: 'required', nonce: false }, { nonces: 'yes' }])
      assert.ok(faultsOf({ ...minimal, dpop }).length > 0, JSON.stringify(dpop))
    assert.ok(
      faultsOf({ ...minimal, dpop: { mode: 'optional' }, routes: [{ path: '/', backend, dpop: 'off' }] }).length > 0,
    )
  })
})
