import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bearerToken, BrowserClient } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startSite, type Site } from './site.ts'

interface Inspected {
  kind: string
  carrier: string
  claims?: Record<string, unknown>
  key?: { kid: string; role: string }
  verdict: { state: string; reason?: string }
  sealed?: { where: string; opens?: boolean; role: string; refreshToken?: boolean }
}

async function inspected(site: Site, input: string): Promise<Inspected & { code: number | null }> {
  const { code, stdout, stderr } = await site.run(['token', 'inspect', '--json'], input)
  assert.notEqual(stdout, '', stderr)
  return { ...(JSON.parse(stdout) as Inspected), code }
}

describe('token inspect', () => {
  let site: Site
  let line = ''
  let token = ''
  before(async () => {
    site = await startSite()
    line = await site.cookieLine()
    token = /postern=([^;\n]+)/.exec(line)?.[1] ?? ''
  })
  after(() => site.close())

  test('a session token, alone and in its cookie line: kind, claims, key, verdict, and that the sealed part opens', async () => {
    for (const [input, carrier] of [
      [token, 'alone'],
      [line, 'cookie'],
    ] as const) {
      const found = await inspected(site, input)
      assert.deepEqual(
        [found.code, found.kind, found.carrier, found.verdict.state, found.key?.role],
        [0, 'session', carrier, 'valid', 'current'],
      )
      assert.equal(found.claims?.['sub'], 'accounts|1')
      assert.equal(found.claims?.['upt'], undefined)
      assert.deepEqual(
        [found.sealed?.where, found.sealed?.opens, found.sealed?.role, found.sealed?.refreshToken],
        ['in the token', true, 'current', false],
      )
    }
  })

  test('neither the signature, nor the sealed text, nor the upstream token is printed', async () => {
    const [, payload = '', signature = ''] = token.split('.')
    const { upt } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { upt: string }
    for (const form of [[], ['--json']]) {
      const { stdout } = await site.run(['token', 'inspect', ...form], line)
      for (const secret of [signature, upt, upt.split('.')[3] ?? '', ...site.gateway.service.issued])
        assert.ok(secret.length > 10 && !stdout.includes(secret))
    }
  })

  test('times are in words', async () => {
    const { stdout } = await site.run(['token', 'inspect'], line)
    assert.match(stdout, /^exp {2,}\d{4}-\S+Z \(in \d+ min(?: \d+ s)?\)$/m)
  })

  test('an access token is good as Bearer, and no cookie', async () => {
    const bearer = await bearerToken(site.gateway.origin)
    const good = await inspected(site, `Authorization: Bearer ${bearer}\n`)
    assert.deepEqual([good.code, good.kind, good.verdict.state], [0, 'access', 'valid'])
    const astray = await inspected(site, `Cookie: postern=${bearer}\n`)
    assert.deepEqual([astray.code, astray.verdict.reason], [1, 'wrong_kind'])
    assert.equal((await inspected(site, `Authorization: Bearer ${token}`)).verdict.reason, 'wrong_kind')
    assert.equal((await inspected(site, `Authorization: DPoP ${bearer}`)).verdict.reason, 'wrong_kind')
  })

  test('one that was changed is refused, and its sealed part is not opened', async () => {
    const [head = '', payload = '', signature = ''] = token.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'accounts|2' })).toString('base64url')
    const found = await inspected(site, `${head}.${forged}.${signature}`)
    assert.deepEqual([found.code, found.verdict.reason], [1, 'bad_signature'])
    assert.equal(found.sealed?.opens, undefined)
  })

  test('one that was signed out in this browser is tombstoned', async () => {
    const client = new BrowserClient(site.gateway.origin)
    await client.signIn()
    const cookie = client.cookieHeader()['cookie'] ?? ''
    await client.signOut()
    const found = await inspected(site, `Cookie: ${cookie}; postern-out=${client.cookies.get('postern-out') ?? ''}`)
    assert.deepEqual([found.code, found.verdict.reason], [1, 'tombstoned'])
  })

  test('a sealed text alone is no credential', async () => {
    const { upt } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { upt: string }
    const found = await inspected(site, upt)
    assert.deepEqual([found.code, found.kind, found.verdict.state], [1, 'sealed', 'no credential'])
  })

  test('a long upstream token rides in its own cookie, and opens there', async () => {
    site.gateway.service.tokenLength = 2600
    const long = await site.cookieLine()
    site.gateway.service.reset()
    const found = await inspected(site, long)
    assert.deepEqual([found.code, found.sealed?.where, found.sealed?.opens], [0, 'in its own cookie', true])
  })
})

test('ages: expired and renewable, idle, and by a key of another folder', async () => {
  for (const [ago, state, reason] of [
    [minutes(6), 'renewable', undefined],
    [minutes(40), 'refused', 'idle'],
  ] as const) {
    const site = await startSite({ ago })
    const other = await startSite()
    try {
      const line = await site.cookieLine()
      const found = await inspected(site, line)
      assert.deepEqual([found.code, found.verdict.state, found.verdict.reason], [1, state, reason])
      assert.equal((await inspected(other, line)).verdict.reason, 'unknown_kid')
    } finally {
      await site.close()
      await other.close()
    }
  }
})
