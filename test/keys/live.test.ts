import assert from 'node:assert/strict'
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, test, type TestContext } from 'node:test'
import { keyFileName } from '../../src/keys/folder.ts'
import { assertLogsAreClean, lastReason } from '../contract/refusal.ts'
import { bearerToken, BrowserClient, sameOriginFetch, send } from '../support/browser-client.ts'
import { fakeClock, hours, minutes, seconds, type FakeClock } from '../support/clock.ts'
import { startGateway, type Gateway, type GatewaySettings } from '../support/gateway.ts'
import { addKeys, emptyFolder, publishedBy, sees, takeKey, type Pair } from '../support/key-folder.ts'
import { eventually } from '../support/settled.ts'
import { startSocketBackend } from '../support/socket-backend.ts'
import { openedSocket } from '../support/socket-client.ts'

/* Gateways that run while their key folder changes. The clock stands still; the folder is looked at in real time. */

const kidOf = (token = '') =>
  (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid

interface Living {
  readonly dir: string
  readonly clock: FakeClock
  readonly gateway: Gateway
  readonly first: Pair
}

async function live(t: TestContext, settings: GatewaySettings = {}): Promise<Living> {
  const dir = await emptyFolder(t)
  const clock = settings.clock ?? fakeClock()
  const first = await addKeys(dir, clock() - hours(24))
  const gateway = await startGateway({
    ...settings,
    clock,
    keys: 'folder',
    options: (origin, service) => ({ ...settings.options?.(origin, service), keys: { dir } }),
  })
  t.after(() => gateway.close())
  return { dir, clock, gateway, first }
}

// Most of the time goes by waiting for the next look at a folder.
describe('keys that change while a gateway runs', { concurrency: 4 }, () => {
  for (const face of ['plugin', 'server'] as const) {
    test(`KR-03 KR-04 two rotations and an emergency under requests refuse nobody but whom they must (${face})`, async (t) => {
      const { dir, clock, gateway, first } = await live(t, { face })
      const browsers = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const browser = new BrowserClient(gateway.origin)
          assert.equal((await browser.signIn()).status, 303)
          return browser
        }),
      )
      let withdrawn = ''
      let asked = 0
      const failures: string[] = []
      let running = true
      /** Asks as fast as it can, all the time. */
      async function use(browser: BrowserClient): Promise<void> {
        while (running) {
          const kid = kidOf(browser.cookies.get('postern'))
          const { status } = await browser.send('/protected', 'GET', sameOriginFetch)
          asked += 1
          if (status !== 200 && kid !== withdrawn) failures.push(`${status} with ${kid}`)
          if (status !== 200) return
          await setImmediate()
        }
      }
      const used = browsers.map(use)

      let current = first
      const rotate = async () => {
        const next = await addKeys(dir, clock() + minutes(15), current)
        await sees(gateway, next.signing)
        for (let minute = 0; minute < 20; minute += 1) {
          clock.advance(minutes(1))
          const before = asked
          await eventually(() => asked > before + browsers.length)
        }
        current = next
      }
      await rotate()
      await rotate()
      // Everyone has been renewed with the newest key by now.
      assert.deepEqual(
        new Set(browsers.map((browser) => kidOf(browser.cookies.get('postern')))),
        new Set([current.signing]),
      )
      assert.deepEqual(failures, [])

      const next = await addKeys(dir, clock() + minutes(15), current)
      await sees(gateway, next.signing)
      withdrawn = current.signing
      await takeKey(dir, withdrawn)
      await Promise.all(used)
      running = false
      assert.deepEqual(failures, [])
      assert.equal(lastReason(gateway), 'unknown_kid')
      assert.ok(!(await publishedBy(gateway)).includes(withdrawn))

      const again = new BrowserClient(gateway.origin)
      assert.equal((await again.signIn()).status, 303)
      assert.equal(kidOf(again.cookies.get('postern')), next.signing)
      assert.equal((await again.send('/protected')).status, 200)
      assertLogsAreClean(gateway)
    })
  }

  test('KR-04 a withdrawn key ends what it signed, remembered or not, and nothing else', async (t) => {
    const { dir, clock, gateway, first } = await live(t)
    const [oldBrowser, newBrowser] = [new BrowserClient(gateway.origin), new BrowserClient(gateway.origin)]
    const second = await addKeys(dir, clock() + minutes(1), first)
    await sees(gateway, second.signing)
    await oldBrowser.signIn()
    const oldToken = await bearerToken(gateway.origin)
    clock.advance(minutes(1))
    await newBrowser.signIn()
    const newToken = await bearerToken(gateway.origin)
    const bearer = async (token: string) =>
      (await send(`${gateway.origin}/protected`, 'GET', { authorization: `Bearer ${token}` })).status
    const visit = async (browser: BrowserClient) => (await browser.send('/protected', 'GET', sameOriginFetch)).status
    assert.deepEqual(
      [await visit(oldBrowser), await bearer(oldToken), await visit(newBrowser), await bearer(newToken)],
      [200, 200, 200, 200],
    )
    await takeKey(dir, second.signing)
    await sees(gateway, second.signing, false)
    assert.deepEqual(
      [await visit(oldBrowser), await bearer(oldToken), await visit(newBrowser), await bearer(newToken)],
      [200, 200, 401, 401],
    )
  })

  test('KR-08 after a rotation an old session is renewed under the new keys, and its upstream token still opens', async (t) => {
    const { dir, clock, gateway, first } = await live(t)
    const browser = new BrowserClient(gateway.origin)
    await browser.signIn()
    const second = await addKeys(dir, clock() + seconds(1), first)
    await sees(gateway, second.signing)
    clock.advance(minutes(4))
    assert.equal((await browser.send('/things', 'GET', sameOriginFetch)).status, 200)
    const token = browser.cookies.get('postern') ?? ''
    assert.equal(kidOf(token), second.signing)
    const { upt } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { upt: string }
    assert.equal(kidOf(upt), second.sealing)
  })

  test('KR-04 a copy of a renewal that a withdrawn key signed is not given out any more', async (t) => {
    const { dir, clock, gateway, first } = await live(t)
    const browser = new BrowserClient(gateway.origin)
    await browser.signIn()
    const second = await addKeys(dir, clock() + seconds(1), first)
    await sees(gateway, second.signing)
    clock.advance(minutes(4))
    const renewed = await browser.sendOnly('/protected', 'GET', sameOriginFetch)
    assert.match(renewed.setCookies.join(), /postern=/)
    await takeKey(dir, second.signing)
    await sees(gateway, second.signing, false)
    // The answer was lost on its way; the browser comes with the old cookie, whose key is good.
    const answer = await browser.send('/protected', 'GET', sameOriginFetch)
    assert.equal(answer.status, 200)
    assert.equal(kidOf(browser.cookies.get('postern')), first.signing)
  })

  describe('KR-04 what is open', { concurrency: true }, () => {
    test('a socket closes once the key of its token is withdrawn, and stays through a rotation', async (t) => {
      const backend = await startSocketBackend()
      t.after(() => backend.close())
      const clock = fakeClock()
      const { dir, gateway, first } = await live(t, {
        face: 'server',
        clock,
        options: () => ({ routes: [{ path: '/', backend: backend.origin }] }),
      })
      const open = async () => {
        const browser = new BrowserClient(gateway.origin)
        await browser.signIn()
        return openedSocket(`${gateway.origin}/chat`, {
          headers: { ...browser.cookieHeader(), origin: gateway.origin },
        })
      }
      const early = await open()
      const second = await addKeys(dir, clock() + minutes(15), first)
      await sees(gateway, second.signing)
      // The key of the early socket is retired, and then expired: neither is a reason to close it.
      clock.advance(minutes(16))
      const late = await open()
      // Asked about while its sealed part can be opened, as every five minutes.
      await eventually(() => gateway.service.calls.check === 1)
      clock.advance(minutes(5))
      await eventually(() => gateway.service.calls.check >= 2)
      clock.advance(minutes(35))
      const third = await addKeys(dir, clock() + minutes(15), second)
      await sees(gateway, third.signing)
      assert.ok(!(await publishedBy(gateway)).includes(first.signing))
      assert.equal(backend.sockets.size, 2)
      early.socket.send('still here')
      assert.equal(await early.next(), 'still here')

      await takeKey(dir, second.signing)
      assert.deepEqual((await late.closed)[0], 4401)
      early.socket.send('still here, too')
      assert.equal(await early.next(), 'still here, too')

      // Whoever takes the expired one away by hand means it.
      await takeKey(dir, first.signing)
      assert.deepEqual((await early.closed)[0], 4401)
    })

    test('a socket that nobody can be asked about any more closes: the key of its sealed part is withdrawn', async (t) => {
      const backend = await startSocketBackend()
      t.after(() => backend.close())
      const { dir, clock, gateway, first } = await live(t, {
        face: 'server',
        options: () => ({ routes: [{ path: '/', backend: backend.origin }] }),
      })
      const browser = new BrowserClient(gateway.origin)
      await browser.signIn()
      const second = await addKeys(dir, clock() + minutes(15), first)
      await sees(gateway, second.signing)
      const socket = await openedSocket(`${gateway.origin}/chat`, {
        headers: { ...browser.cookieHeader(), origin: gateway.origin },
      })
      await takeKey(dir, first.sealing)
      await eventually(() =>
        gateway.events.some(
          (event) => event.type === 'keys_changed' && event.message.includes(`${first.sealing} is gone`),
        ),
      )
      assert.equal(backend.sockets.size, 1)
      clock.advance(minutes(5))
      assert.equal((await socket.closed)[0], 4401)
      assert.equal(gateway.service.calls.check, 0)
    })

    test('a socket goes on being asked about when the key that sealed its token has expired', async (t) => {
      const backend = await startSocketBackend()
      t.after(() => backend.close())
      const { dir, clock, gateway, first } = await live(t, {
        face: 'server',
        options: () => ({ routes: [{ path: '/', backend: backend.origin }] }),
      })
      const browser = new BrowserClient(gateway.origin)
      await browser.signIn()
      const socket = await openedSocket(`${gateway.origin}/chat`, {
        headers: { ...browser.cookieHeader(), origin: gateway.origin },
      })
      const second = await addKeys(dir, clock() + minutes(15), first)
      await sees(gateway, second.signing)
      /** When the next question is due is known once the answer to the one before has come. */
      const askedAgain = async () => {
        const before = gateway.service.calls.check
        while (gateway.service.calls.check === before) {
          clock.advance(seconds(1))
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      }
      clock.advance(minutes(5))
      await askedAgain()
      clock.advance(minutes(60))
      await askedAgain()
      gateway.service.tokens.clear()
      clock.advance(minutes(5))
      await askedAgain()
      assert.equal((await socket.closed)[0], 4401)
    })
  })

  test('KR-03 two processes whose folders change minutes apart understand each other all the time', async (t) => {
    const clock = fakeClock()
    const { dir, gateway: ahead, first } = await live(t, { clock })
    const elsewhere = join(await emptyFolder(t), 'keys')
    await mkdir(elsewhere, { mode: 0o700 })
    const copy = async ({ signing, sealing }: Pair) => {
      for (const kid of [sealing, signing])
        await copyFile(join(dir, keyFileName(kid)), join(elsewhere, keyFileName(kid)))
    }
    await copy(first)
    const behind = await startGateway({
      clock,
      keys: 'folder',
      service: ahead.service,
      publicUrl: ahead.origin,
      options: () => ({ keys: { dir: elsewhere } }),
    })
    t.after(() => behind.close())
    const browsers = [new BrowserClient(ahead.origin), new BrowserClient(ahead.origin)]
    for (const browser of browsers) assert.equal((await browser.signIn()).status, 303)

    let current = first
    const token = { ahead: await bearerToken(ahead.origin), behind: '' }
    for (let rotation = 0; rotation < 2; rotation += 1) {
      const next = await addKeys(dir, clock() + minutes(15), current)
      await sees(ahead, next.signing)
      for (let minute = 0; minute < 22; minute += 1) {
        // The other process hears of it just in time.
        if (minute === 14) {
          await copy(next)
          await sees(behind, next.signing)
        }
        for (const [index, browser] of browsers.entries()) {
          browser.origin = (minute + index) % 2 === 0 ? ahead.origin : behind.origin
          const answer = await browser.send('/protected', 'GET', { ...sameOriginFetch, origin: ahead.origin })
          assert.equal(answer.status, 200, `minute ${minute}`)
        }
        if (minute % 5 === 0) token.ahead = await bearerToken(ahead.origin)
        token.behind = await bearerToken(behind.origin)
        for (const origin of [ahead.origin, behind.origin])
          for (const one of [token.ahead, token.behind])
            assert.equal((await send(`${origin}/protected`, 'GET', { authorization: `Bearer ${one}` })).status, 200)
        clock.advance(minutes(1))
      }
      current = next
    }
    assert.equal(kidOf(token.behind), current.signing)
  })

  test('DS-08 the JWKS has an ETag that changes with the keys, and may be kept for less than a key waits', async (t) => {
    const { dir, clock, gateway, first } = await live(t, { options: () => ({}) })
    const address = `${gateway.origin}/.well-known/jwks.json`
    const answer = await send(address)
    const etag = String(answer.headers['etag'])
    const maxAge = Number(/max-age=(\d+)/.exec(String(answer.headers['cache-control']))?.[1])
    assert.ok(maxAge > 0 && maxAge * 1000 <= minutes(15) / 3)
    for (const given of [etag, `W/${etag}`, `"other", ${etag}`, '*'])
      assert.equal((await send(address, 'GET', { 'if-none-match': given })).status, 304, given)
    const second = await addKeys(dir, clock() + minutes(15), first)
    await sees(gateway, second.signing)
    const changed = await send(address, 'GET', { 'if-none-match': etag })
    assert.equal(changed.status, 200)
    assert.notEqual(changed.headers['etag'], etag)
  })

  test('a gateway that is closed looks at its folder no more', async (t) => {
    const dir = await emptyFolder(t)
    const clock = fakeClock()
    const first = await addKeys(dir, clock())
    const gateway = await startGateway({ clock, keys: 'folder', options: () => ({ keys: { dir } }) })
    const second = await addKeys(dir, clock() + minutes(15), first)
    await sees(gateway, second.signing)
    await gateway.close()
    const said = gateway.events.length
    await takeKey(dir, second.signing)
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    assert.equal(gateway.events.length, said)
  })
})
