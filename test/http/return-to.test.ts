import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { safeReturnTo } from '../../src/route/return-to.ts'
import { assertNoSecretIn } from '../contract/refusal.ts'
import { BrowserClient, formPost, navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'

/*
 * The attack: a link to our own sign-in page that ends up elsewhere, with a person who believes to be here still. Each
 * line of the data file stands after `return_to=` as it is.
 */

const hostile = readFileSync(new URL('../hostile/return-targets.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')

/** Odd, and on our own site in every reading. */
const harmless = [
  '/',
  '/a',
  '/a/',
  '/a?b=c',
  '/a?b=//evil.example',
  '/a?next=https://evil.example',
  '/a?b=\\\\evil.example',
  '/a#b',
  '/%2Fa',
  '/a%5Cb',
  '/_authority',
  '/a;b',
  '/a@b',
  '/a:b',
]

const formHeaders = (origin: string) => ({ ...formPost, origin })

describe('a return target', () => {
  let gateway: Gateway
  let client: BrowserClient
  before(async () => {
    gateway = await startGateway()
    client = new BrowserClient(gateway.origin)
    await client.signIn()
  })
  after(() => gateway.close())

  for (const line of hostile) {
    test(`RD-01 ${JSON.stringify(line)} is not followed, by whichever way it comes`, async () => {
      const path = `/_auth/login?return_to=${line.replaceAll('"', '%22').replaceAll('\\', '%5C')}`
      const live = await client.sendOnly(path)
      assert.deepEqual([live.status, live.headers['location']], [303, '/'])

      const page = await send(`${gateway.origin}${path}`, 'GET', navigation)
      assert.equal(page.status, 200)
      assert.match(page.text, /name="return_to"\s+value="\/"\s*\/?>/)

      const body = `username=john&password=password123&return_to=${line}`
      const posted = await send(`${gateway.origin}/_auth/login`, 'POST', formHeaders(gateway.origin), body)
      // Two of them are no text, and a sign-in with anything but texts is refused.
      if (line.includes('&return_to=')) assert.equal(posted.status, 400)
      else assert.deepEqual([posted.status, posted.headers['location']], [303, '/'])

      const left = await send(
        `${gateway.origin}/_auth/logout`,
        'POST',
        formHeaders(gateway.origin),
        `return_to=${line}`,
      )
      assert.deepEqual([left.status, left.headers['location']], [303, '/'])
    })
  }

  for (const target of harmless) {
    test(`${target} is followed as it is`, async () => {
      const answer = await client.sendOnly(`/_auth/login?return_to=${encodeURIComponent(target)}`)
      assert.deepEqual([answer.status, answer.headers['location']], [303, target])
      assert.equal(new URL(target, gateway.origin).origin, gateway.origin)
    })
  }

  test('RD-01 no text whatsoever leads off the site', () => {
    const site = { publicUrl: 'https://app.example.com', prefix: '/_auth' }
    const pieces = fc.array(
      fc.constantFrom(
        '/',
        '\\',
        '//',
        '.',
        '..',
        '%2e',
        '%2f',
        '%5c',
        ':',
        '@',
        '#',
        '?',
        'https:',
        'evil.example',
        '\t',
        '\n',
        ' ',
        '[',
        ']',
        '_auth',
        'a',
      ),
      { maxLength: 8 },
    )
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.webUrl(),
      pieces.map((parts) => parts.join('')),
      pieces.map((parts) => `/${parts.join('')}`),
      fc.anything(),
    )
    fc.assert(
      fc.property(anything, (value) => {
        const target = safeReturnTo(value, site)
        assert.match(target, /^\/(?![/\\])[\u0021-\u007e]*$/)
        const url = new URL(target, site.publicUrl)
        assert.equal(url.origin, site.publicUrl)
        assert.ok(url.pathname !== site.prefix && !url.pathname.startsWith(`${site.prefix}/`))
      }),
      { numRuns: 3000 },
    )
  })

  test('RD-03 no redirect has a token, a password or a credential in its address', async () => {
    const fresh = new BrowserClient(gateway.origin)
    const answers = [
      await fresh.send('/protected?token=mine'),
      await fresh.signIn('john', 'password123', { return_to: '/protected' }),
      await fresh.send('/_auth/login?return_to=%2Fprotected'),
      await fresh.signOut(),
    ]
    for (const answer of answers) {
      assert.equal(answer.status, 303)
      assertNoSecretIn(gateway, String(answer.headers['location']), 'Location')
      assert.equal(answer.text, '')
    }
  })

  test('RD-04 credentials that were posted are answered with 303, so that nothing posts them again', async () => {
    const fresh = new BrowserClient(gateway.origin)
    assert.equal((await fresh.signIn()).status, 303)
    assert.equal((await fresh.signOut()).status, 303)
  })

  test('RD-05 no header has a say in where a redirect leads', async () => {
    const headers = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-prefix': '/evil',
      'x-original-url': 'https://evil.example/',
      'x-rewrite-url': '/evil',
      forwarded: 'for=1.2.3.4;host=evil.example;proto=https',
      referer: 'https://evil.example/',
    }
    const anonymous = await send(`${gateway.origin}/protected`, 'GET', { ...navigation, ...headers })
    assert.deepEqual([anonymous.status, anonymous.headers['location']], [303, '/_auth/login?return_to=%2Fprotected'])
    const problem = await send(`${gateway.origin}/protected`, 'GET', { ...sameOriginFetch, ...headers })
    assert.equal(problem.json()['login_url'], `${gateway.origin}/_auth/login`)
    const signIn = await send(
      `${gateway.origin}/_auth/login`,
      'POST',
      { ...formHeaders(gateway.origin), ...headers },
      'username=john&password=password123',
    )
    assert.deepEqual([signIn.status, signIn.headers['location']], [303, '/'])
    const signOut = await send(
      `${gateway.origin}/_auth/logout`,
      'POST',
      { ...formHeaders(gateway.origin), ...headers },
      '',
    )
    assert.deepEqual([signOut.status, signOut.headers['location']], [303, '/_auth/logout'])
    const page = await send(`${gateway.origin}/_auth/login`, 'GET', { ...navigation, ...headers })
    assert.ok(!page.text.includes('evil'))
  })
})
