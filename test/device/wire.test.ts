import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import { createHeldUp, deviceAddresses, sessionInstructions } from '../../src/device/wire.ts'
import { createParts } from '../life/parts.ts'

const { config } = await createParts({ session: { deviceBound: 'prefer' } })
const addresses = deviceAddresses(config)
const own = 'https://app.example.com/_auth/device'

test('a browser signs for two addresses', () => {
  assert.deepEqual([addresses.registerUrl, addresses.refreshUrl], [`${own}/register`, `${own}/refresh`])
})

test('a session has one name at a gateway, and another at one beside it', () => {
  assert.match(addresses.identifier, /^postern-[\w-]{16}$/)
  assert.equal(deviceAddresses(config).identifier, addresses.identifier)
  const { session } = config
  for (const beside of [
    { ...config, publicUrl: 'https://other.example.com' },
    { ...config, prefix: '/other' },
    { ...config, session: { ...session, cookie: { ...session.cookie, name: 'other' } } },
  ])
    assert.notEqual(deviceAddresses(beside).identifier, addresses.identifier)
})

for (const [sameSite, written] of [
  ['lax', 'Lax'],
  ['strict', 'Strict'],
] as const)
  test(`a browser is told of a cookie that is ${sameSite} as it was set`, () => {
    const session = { ...config.session, cookie: { ...config.session.cookie, sameSite } }
    assert.deepEqual(sessionInstructions({ ...config, session }, addresses), {
      session_identifier: addresses.identifier,
      refresh_url: '/_auth/device/refresh',
      scope: {
        include_site: false,
        scope_specification: [{ type: 'exclude', domain: '*', path: '/_auth/device' }],
      },
      credentials: [
        {
          type: 'cookie',
          name: session.cookie.name,
          attributes: `Path=/; Secure; HttpOnly; SameSite=${written}`,
        },
      ],
      allowed_refresh_initiators: [],
    })
  })

test('a session is held up where a browser says that it could not refresh ours, by no fault of it', async () => {
  const of = (word: string, identifier = addresses.identifier) => `${word};session_identifier="${identifier}"`
  const isHeldUp = createHeldUp(config)
  for (const skipped of [of('unreachable'), of('server_error'), `${of('unreachable', 'a')}, ${of('server_error')} `])
    assert.equal(isHeldUp({ 'secure-session-skipped': skipped }), true, skipped)
  for (const skipped of [
    '',
    'unreachable',
    of('quota_exceeded'),
    of('unreachable', 'a'),
    `x${of('unreachable')}`,
    `${of('unreachable')}x`,
    [of('unreachable')],
    undefined,
  ])
    assert.equal(isHeldUp({ 'secure-session-skipped': skipped } as IncomingHttpHeaders), false, String(skipped))
  const off = createHeldUp((await createParts()).config)
  assert.equal(off({ 'secure-session-skipped': of('unreachable') }), false)
})
