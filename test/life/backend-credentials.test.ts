import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Session } from '../../src/life/authentication.ts'
import { createBackendCredentials } from '../../src/life/backend-credentials.ts'
import { minutes } from '../support/clock.ts'
import { createParts } from './parts.ts'

async function scene() {
  const parts = await createParts()
  const { maker, sealer } = parts
  const opened: string[] = []
  const credentials = createBackendCredentials({
    ...parts,
    sealer: {
      ...sealer,
      async open(sealed, sid) {
        opened.push(sid)
        return sealer.open(sealed, sid)
      },
    },
  })
  async function session(sid = 'sid-1'): Promise<Session & { readonly sealed: string }> {
    const carried = await maker.forBrowser(parts.source({ sid }))
    assert.ok(carried.ok)
    const { claims, kid } = carried.minted
    return { kind: 'session', claims, kid, sealed: claims.upt ?? '' }
  }
  /** The sealed part rides in its own cookie. */
  async function detached() {
    const { claims, ...rest } = await session()
    const { upt: _, ...bare } = claims
    return { ...rest, claims: bare }
  }
  return { ...parts, credentials, opened, session, detached }
}

describe('the token of the service', () => {
  const shown = [['authorization', 'Bearer token-0']]

  test('is shown as the service wants it, under names in lower case, and opened once per session', async () => {
    const { credentials, session, opened } = await scene()
    const john = await session()
    assert.deepEqual(await credentials.upstream(john, john.sealed), shown)
    assert.deepEqual(await credentials.upstream(john, john.sealed), shown)
    assert.deepEqual(opened, ['sid-1'])
    const ada = await session('sid-2')
    assert.deepEqual(await credentials.upstream(ada, ada.sealed), shown)
    assert.deepEqual(opened, ['sid-1', 'sid-2'])
  })

  test('of its own cookie is opened each time: who sends it may send another', async () => {
    const { credentials, detached } = await scene()
    const john = await detached()
    assert.deepEqual(await credentials.upstream(john, john.sealed), shown)
    assert.equal(await credentials.upstream(john, 'a.b.c.d.e'), undefined)
    assert.deepEqual(await credentials.upstream(john, john.sealed), shown)
  })

  test('is nothing where it cannot be opened, is not there, or nobody knows how to show it', async () => {
    const { credentials, session, detached, upstreams, opened } = await scene()
    const john = await detached()
    assert.equal(await credentials.upstream(john, undefined), undefined)
    assert.deepEqual(opened, [])
    assert.equal(await credentials.upstream(john, (await session('sid-2')).sealed), undefined)
    upstreams.clear()
    assert.equal(await credentials.upstream(john, john.sealed), undefined)
  })
})

describe('an assertion', () => {
  const claimsOf = (headers: readonly (readonly [string, string])[]) => {
    const [, token = ''] = /^Bearer (.+)$/.exec(headers[0]?.[1] ?? '') ?? []
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  }

  test('says who it is to one receiver, from now on, and wraps nothing', async () => {
    const { credentials, session, clock } = await scene()
    const john = await session()
    clock.advance(minutes(1))
    const headers = await credentials.assertion(john, 'https://backend.example.com')
    assert.deepEqual(
      headers.map(([name]) => name),
      ['authorization'],
    )
    const { sub, sid, aud, iat, exp, upt } = claimsOf(headers)
    assert.deepEqual(
      [sub, sid, aud, iat * 1000, exp, upt],
      ['accounts|1', 'sid-1', 'https://backend.example.com', clock(), john.claims.exp, undefined],
    )
  })

  test('is made once for each session and receiver', async () => {
    const { credentials, session } = await scene()
    const [john, ada] = [await session(), await session('sid-2')]
    const one = await credentials.assertion(john, 'one')
    assert.equal(await credentials.assertion(john, 'one'), one)
    const other = await credentials.assertion(john, 'other')
    assert.equal(claimsOf(other).aud, 'other')
    assert.equal(await credentials.assertion(john, 'other'), other)
    assert.equal(await credentials.assertion(john, 'one'), one)
    assert.equal(claimsOf(await credentials.assertion(ada, 'one')).sid, 'sid-2')
  })
})
