import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { BrowserClient, formPost, navigation, send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { exchange } from '../wire/raw.ts'
import { returnTargets } from './return-targets.ts'

/* The attack: a link to our own sign-in that ends up elsewhere, or in a header or a page of its own making. */

const families = Object.keys(returnTargets('http://localhost:8080'))

let gateway: Gateway
let client: BrowserClient
before(async () => {
  gateway = await startGateway({ face: 'server' })
  client = new BrowserClient(gateway.origin)
  await client.signIn()
})
after(() => gateway.close())

const unescaped = (text: string) =>
  text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')

/** Where a browser goes, from the page that it is on. */
function assertOnSite(location: unknown, target: string): void {
  const text = String(location)
  const what = JSON.stringify(target)
  assert.match(text, /^\/(?![/\\])[\u0021-\u007e]*$/, what)
  for (const base of [gateway.origin, `${gateway.origin}/_auth/login?return_to=x`]) {
    const url = new URL(text, base)
    assert.equal(url.origin, gateway.origin, what)
    assert.doesNotMatch(url.pathname, /^\/_auth(\/|$)/i, what)
    // What a browser would ask for is what was said, byte for byte.
    assert.equal(`${url.pathname}${url.search}${url.hash}`, text, what)
  }
}

test('there are at least 500 targets, and no two are the same', () => {
  const all = Object.values(returnTargets('http://localhost:8080')).flat()
  assert.ok(all.length >= 500, String(all.length))
  assert.equal(new Set(all).size, all.length)
})

describe('RD-01 no sign-in and no sign-out leads off the site, whichever way the target comes', () => {
  for (const family of families) {
    test(family, async () => {
      for (const target of returnTargets(gateway.origin)[family] ?? []) {
        const query = new URLSearchParams({ return_to: target }).toString()
        const form = { ...formPost, origin: gateway.origin }
        const live = await client.sendOnly(`/_auth/login?${query}`)
        const posted = await send(
          `${gateway.origin}/_auth/login`,
          'POST',
          form,
          `username=john&password=password123&${query}`,
        )
        const left = await send(`${gateway.origin}/_auth/logout`, 'POST', form, query)
        const locations = [live, posted, left].map((answer) => {
          assert.equal(answer.status, 303, JSON.stringify(target))
          assert.equal(answer.setCookies.filter((text) => !text.startsWith('postern')).length, 0)
          return answer.headers['location']
        })
        for (const location of locations) assertOnSite(location, target)
        assert.equal(new Set(locations).size, 1, JSON.stringify(target))

        // What leads off the site as it stands leads to the start page, and not to something made of it.
        const plain = URL.parse(target, gateway.origin)
        if (plain === null || plain.origin !== gateway.origin) assert.equal(locations[0], '/', JSON.stringify(target))

        const page = await send(`${gateway.origin}/_auth/login?${query}`, 'GET', navigation)
        const asked = await client.sendOnly(`/_auth/logout?${query}`)
        for (const { status, text } of [page, asked]) {
          assert.equal(status, 200, JSON.stringify(target))
          const fields = [...text.matchAll(/name="return_to"\s+value="([^"]*)"/g)]
          assert.equal(fields.length, 1, JSON.stringify(target))
          assertOnSite(unescaped(fields[0]?.[1] ?? ''), target)
          assert.doesNotMatch(text, /<script|<base|<img|onmouseover="/i)
        }
      }
    })
  }

  test('nor when it is the address that was asked for', async () => {
    let sent = 0
    for (const target of Object.values(returnTargets(gateway.origin)).flat()) {
      if (!/^\/[^\s]*$/.test(target) || target.length > 4000) continue
      sent += 1
      const lines = Object.entries(navigation).map(([name, value]) => `${name}: ${value}\r\n`)
      const answer = await exchange(
        gateway,
        `GET /protected${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines.join('')}\r\n`,
        'utf8',
      )
      assert.ok(answer.status >= 300 && answer.status < 500, `${answer.status} ${target}`)
      const location = /^location: (.*)$/im.exec(answer.head)?.[1]
      if (location === undefined) continue
      const url = new URL(location, gateway.origin)
      assert.equal(`${url.origin}${url.pathname}`, `${gateway.origin}/_auth/login`)
      const back = url.searchParams.get('return_to')
      if (back !== null) assertOnSite(back, target)
    }
    assert.ok(sent > 100)
  })

  test('nor where two are sent, or a list, or an object', async () => {
    const form = { ...formPost, origin: gateway.origin }
    for (const query of [
      'return_to=/a&return_to=//evil.example',
      'return_to=//evil.example&return_to=/a',
      'return_to[]=//evil.example',
      'return_to[href]=//evil.example',
      'RETURN_TO=//evil.example',
      'return_to%00=//evil.example',
      'returnTo=//evil.example&next=//evil.example&rd=//evil.example&redirect_uri=//evil.example',
    ]) {
      const live = await client.sendOnly(`/_auth/login?${query}`)
      assert.deepEqual([live.status, live.headers['location']], [303, '/'], query)
      const left = await send(`${gateway.origin}/_auth/logout`, 'POST', form, query)
      assert.equal(left.status, 303)
      assert.ok(['/', '/_auth/logout'].includes(String(left.headers['location'])), query)
    }
  })
})
