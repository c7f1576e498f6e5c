import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { assertErrorPage, assertLogsAreClean } from '../contract/refusal.ts'
import { BrowserClient, navigation } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startGateway } from '../support/gateway.ts'
import { startProvider, Visitor } from '../support/provider.ts'
import { serviceOptions } from '../support/service.ts'
import { begin, clockOfNow, locationOf, openSite, pathOf, signedIn, signIn } from './site.ts'

test('a person signs in at the provider and comes back to where they were', async (t) => {
  const { gateway } = await openSite(t)
  const browser = new BrowserClient(gateway.origin)
  const guarded = await browser.send('/protected?a=1')
  assert.equal(guarded.status, 303)
  const login = await browser.send(locationOf(guarded))
  assert.equal(login.status, 303, 'with one provider there is nothing to ask')
  const start = await browser.send(locationOf(login))
  const callback = await new Visitor('ada').visit(locationOf(start))
  const finished = await browser.send(pathOf(callback))
  assert.deepEqual([finished.status, locationOf(finished)], [303, '/protected?a=1'])
  assert.match(String(finished.headers['cache-control']), /no-store/)
  const about = await browser.send('/protected')
  const { subject, name } = about.json()
  assert.deepEqual([about.status, subject, name], [200, 'company|ada', 'ada of Company'])
  const [event] = gateway.events.filter(({ type }) => type === 'signed_in')
  assert.deepEqual([event?.upstream, event?.sub], ['company', 'company|ada'])
})

test('RD-03 no redirect of ours carries a code or a token, and no log does', async (t) => {
  const { gateway } = await openSite(t)
  const browser = new BrowserClient(gateway.origin)
  const visitor = new Visitor()
  const callback = await visitor.visit(await begin(browser))
  const finished = await browser.send(pathOf(callback))
  assert.equal(finished.headers['referrer-policy'], 'no-referrer')
  const code = new URL(callback).searchParams.get('code') ?? ''
  assert.ok(code.length > 20)
  assert.ok(!locationOf(finished).includes(code))
  assert.doesNotMatch(locationOf(finished), /eyJ/)
  assertLogsAreClean(gateway)
  assert.ok(!gateway.logs.join('').includes(code), 'the code stands in the log')
})

test('RD-03 no answer to the way back lets the browser tell its address, with the code in it, to anybody', async (t) => {
  const { gateway, provider } = await openSite(t, { options: { session: { cookie: { sameSite: 'strict' } } } })
  const browser = new BrowserClient(gateway.origin)
  const policyOf = async (path: string, method?: string) => {
    const { status, headers } = await browser.send(path, method)
    return [status, headers['referrer-policy']]
  }
  const callback = pathOf(await new Visitor().visit(await begin(browser)))
  const denied = pathOf(await new Visitor('eve').visit(await begin(browser), 'no'))
  assert.deepEqual(await policyOf(callback), [200, 'no-referrer'])
  assert.deepEqual(await policyOf(callback), [400, 'no-referrer'])
  assert.deepEqual(await policyOf(denied), [403, 'no-referrer'])
  assert.deepEqual(await policyOf(callback, 'HEAD'), [405, 'no-referrer'])
  assert.deepEqual(await policyOf(callback.replace('company', 'nobody')), [404, 'no-referrer'])
  const late = pathOf(await new Visitor('ada').visit(await begin(browser)))
  provider.mode = 'down'
  assert.deepEqual(await policyOf(late), [503, 'no-referrer'])
  // Elsewhere our own forms need it.
  assert.deepEqual(await policyOf('/_auth/logout'), [200, 'same-origin'])
})

test('RD-07 the request has PKCE with S256, a nonce and a state of its own each time', async (t) => {
  const { gateway } = await openSite(t)
  const browser = new BrowserClient(gateway.origin)
  const [one, two] = [new URL(await begin(browser)), new URL(await begin(browser))]
  assert.equal(one.searchParams.get('code_challenge_method'), 'S256')
  assert.equal(one.searchParams.get('response_type'), 'code')
  assert.equal(one.searchParams.get('scope'), 'openid profile email')
  for (const name of ['state', 'nonce', 'code_challenge']) {
    assert.notEqual(one.searchParams.get(name), two.searchParams.get(name), name)
    assert.ok((one.searchParams.get(name) ?? '').length >= 22, name)
  }
})

test('RD-07 a state with the longest way back still fits into an address', async (t) => {
  const { gateway } = await openSite(t)
  const state = async (returnTo: string) =>
    new URL(await begin(new BrowserClient(gateway.origin), returnTo)).searchParams.get('state') ?? ''
  assert.ok((await state(`/${'a'.repeat(1023)}`)).length < 2048)
  assert.ok((await state(`/${'a'.repeat(2000)}`)).length < 1000, 'what is longer is left out')
})

test('tabs: five sign-ins begun at once in one browser all finish, and nothing piles up', async (t) => {
  const { gateway } = await openSite(t)
  const browser = new BrowserClient(gateway.origin)
  const tabs = [1, 2, 3, 4, 5].map((tab) => `/protected?tab=${tab}`)
  // The tabs of a browser that has been here once; the very first requests at once are the business of Chromium's test.
  await begin(browser)
  const begun = await Promise.all(tabs.map((tab) => begin(browser, tab)))
  const names = [...browser.cookies.keys()]
  assert.deepEqual(names, ['postern-browser'])
  const visitor = new Visitor()
  const callbacks: string[] = []
  for (const location of begun) callbacks.push(await visitor.visit(location))
  const finished = await Promise.all(callbacks.toReversed().map((callback) => browser.send(pathOf(callback))))
  assert.deepEqual(finished.map(locationOf), tabs.toReversed())
  assert.equal((await browser.send('/protected')).status, 200)
})

test('tabs: the first ones of a fresh browser finish, in whichever order its cookie is overwritten', async (t) => {
  const { gateway } = await openSite(t)
  const browser = new BrowserClient(gateway.origin)
  const late = async (): Promise<string> => {
    const other = new BrowserClient(gateway.origin)
    await begin(other)
    return other.cookies.get('postern-browser') ?? ''
  }
  let callback = await new Visitor().visit(await begin(browser))
  for (let answersThatCameLater = 0; answersThatCameLater < 4; answersThatCameLater++) {
    browser.cookies.set('postern-browser', await late())
    const before = new Map(browser.cookies)
    const again = await browser.send(pathOf(callback))
    assert.equal(again.headers['set-cookie'], undefined, 'nothing is overwritten in turn')
    assert.deepEqual(browser.cookies, before)
    callback = await new Visitor().visit(locationOf(again))
  }
  assert.equal(locationOf(await browser.send(pathOf(callback))), '/protected')
  assert.equal((await browser.send('/protected')).status, 200)
})

test('a sign-in over another session ends that one here', async (t) => {
  const { gateway, ...site } = await openSite(t)
  const browser = await signedIn({ gateway, ...site }, new Visitor('ada'))
  const old = browser.cookies.get('postern') ?? ''
  await signIn(browser, new Visitor('grace'))
  assert.equal((await browser.send('/protected')).json()['subject'], 'company|grace')
  const copy = new BrowserClient(gateway.origin)
  copy.cookies.set('postern', old)
  assert.equal((await copy.send('/_auth/session', 'GET', {})).status, 401)
})

test('who says no at the provider reads so, and none of the words of the provider', async (t) => {
  const { gateway } = await openSite(t)
  const browser = new BrowserClient(gateway.origin)
  const callback = await new Visitor().visit(await begin(browser), 'no')
  assert.ok(callback.includes('access_denied') && callback.includes('script'))
  const answer = await browser.send(pathOf(callback))
  assertErrorPage(gateway, answer, { code: 'provider_refused' })
  assert.doesNotMatch(answer.text, /access_denied|alert\(/)
  assert.equal(gateway.events.find(({ type }) => type === 'sign_in_refused')?.type, 'sign_in_refused')
})

describe('RD-07 RD-02 what comes back has to be what was begun here', async () => {
  const refusals = (gateway: Awaited<ReturnType<typeof openSite>>['gateway']) =>
    gateway.events.flatMap((event) => (event.type === 'sign_in_refused' ? [event.reason] : []))

  test('in the same browser: another one is sent to sign in by itself, four times at most', async (t) => {
    const { gateway } = await openSite(t)
    const foreign = () => begin(new BrowserClient(gateway.origin)).then((start) => new Visitor('mallory').visit(start))
    const bare = new BrowserClient(gateway.origin)
    assertErrorPage(gateway, await bare.send(pathOf(await foreign())), { code: 'bad_transaction' })
    assert.deepEqual([...bare.cookies.keys()], [])

    const victim = new BrowserClient(gateway.origin)
    await begin(victim)
    const answer = await victim.send(pathOf(await foreign()))
    assert.equal(answer.status, 303)
    assert.deepEqual([...victim.cookies.keys()], ['postern-browser'], 'nothing was taken of it')
    const second = await new Visitor('grace').visit(locationOf(answer))
    await victim.send(pathOf(second))
    assert.equal((await victim.send('/protected')).json()['subject'], 'company|grace')
    assert.deepEqual(refusals(gateway), ['bad_transaction', 'bad_transaction'])

    let callback = await foreign()
    for (let restart = 0; restart < 4; restart++) {
      const bystander = new BrowserClient(gateway.origin)
      await begin(bystander)
      callback = await new Visitor('mallory').visit(locationOf(await bystander.send(pathOf(callback))))
    }
    const last = new BrowserClient(gateway.origin)
    await begin(last)
    assertErrorPage(gateway, await last.send(pathOf(callback)), { code: 'bad_transaction' })
    assert.deepEqual([...last.cookies.keys()], ['postern-browser'])
  })

  test('within ten minutes', async (t) => {
    const { gateway, clock } = await openSite(t)
    const browser = new BrowserClient(gateway.origin)
    const callback = await new Visitor().visit(await begin(browser))
    clock.advance(minutes(10))
    assertErrorPage(gateway, await browser.send(pathOf(callback)), { code: 'bad_transaction' })
  })

  test('once: the provider takes no code twice', async (t) => {
    const { gateway } = await openSite(t)
    const browser = new BrowserClient(gateway.origin)
    const callback = await new Visitor().visit(await begin(browser))
    assert.equal((await browser.send(pathOf(callback))).status, 303)
    assertErrorPage(gateway, await browser.send(pathOf(callback)), { code: 'bad_transaction' })
    assert.deepEqual(refusals(gateway), ['code_refused'])
  })

  test('unchanged, and each part of it once', async (t) => {
    const { gateway } = await openSite(t)
    const browser = new BrowserClient(gateway.origin)
    const callback = new URL(await new Visitor().visit(await begin(browser)))
    const changed = (change: (query: URLSearchParams) => void) => {
      const address = new URL(callback)
      change(address.searchParams)
      return browser.send(pathOf(address.href))
    }
    const state = callback.searchParams.get('state') ?? ''
    const other = new URL(await begin(browser)).searchParams.get('state') ?? ''
    for (const change of [
      (query: URLSearchParams) => query.delete('state'),
      (query: URLSearchParams) =>
        query.set('state', `${state.slice(0, -5)}${state.at(-5) === 'A' ? 'B' : 'A'}${state.slice(-4)}`),
      (query: URLSearchParams) => query.append('state', state),
      (query: URLSearchParams) => query.set('state', 'x'.repeat(9000)),
      // Another sign-in of the same browser: its nonce and its verifier are not those of this code.
      (query: URLSearchParams) => query.set('state', other),
    ]) {
      assertErrorPage(gateway, await changed(change), { code: 'bad_transaction' })
    }
    for (const change of [
      (query: URLSearchParams) => query.append('code', 'another'),
      (query: URLSearchParams) => query.append('iss', 'https://other.example'),
      (query: URLSearchParams) => query.delete('code'),
    ]) {
      assertErrorPage(gateway, await changed(change), { code: 'bad_request' })
    }
    assert.ok(!browser.cookies.has('postern'))
    assertLogsAreClean(gateway)
  })

  test('with the name of the provider (RFC 9207)', async (t) => {
    const { gateway } = await openSite(t)
    const browser = new BrowserClient(gateway.origin)
    const callback = new URL(await new Visitor().visit(await begin(browser)))
    assert.ok(callback.searchParams.has('iss'))
    callback.searchParams.delete('iss')
    assertErrorPage(gateway, await browser.send(pathOf(callback.href)), { code: 'bad_transaction' })
    callback.searchParams.set('iss', 'https://sso.example.com')
    assertErrorPage(gateway, await browser.send(pathOf(callback.href)), { code: 'bad_transaction' })
    assert.deepEqual(refusals(gateway), ['provider_mixed_up', 'provider_mixed_up'])
  })

  test('at the provider that it was begun at', async (t) => {
    const [one, two] = [await startProvider(), await startProvider()]
    t.after(() => Promise.all([one.close(), two.close()]))
    const gateway = await startGateway({
      clock: clockOfNow(),
      options: (origin) => ({ upstreams: { one: one.describe(origin, 'one'), two: two.describe(origin, 'two') } }),
    })
    t.after(() => gateway.close())
    const browser = new BrowserClient(gateway.origin)
    const callback = await new Visitor().visit(await begin(browser, '/', 'one'))
    const crossed = pathOf(callback).replace('/oidc/one/', '/oidc/two/')
    assertErrorPage(gateway, await browser.send(crossed), { code: 'bad_transaction' })
    assert.deepEqual(refusals(gateway), ['provider_mixed_up'])
    assert.equal(two.calls.get('/token'), undefined, 'the code of one provider is not shown to another')
    // Nothing is spoiled by it: the sign-in can still be finished where it belongs.
    assert.equal((await browser.send(pathOf(callback))).status, 303)
  })

  test('TM-05 the same id at two providers is two people', async (t) => {
    const [one, two] = [await startProvider(), await startProvider()]
    t.after(() => Promise.all([one.close(), two.close()]))
    const gateway = await startGateway({
      clock: clockOfNow(),
      options: (origin) => ({ upstreams: { one: one.describe(origin, 'one'), two: two.describe(origin, 'two') } }),
    })
    t.after(() => gateway.close())
    const subjects: unknown[] = []
    for (const key of ['one', 'two']) {
      const browser = new BrowserClient(gateway.origin)
      await browser.send(pathOf(await new Visitor('ada').visit(await begin(browser, '/', key))))
      subjects.push((await browser.send('/protected')).json()['subject'])
    }
    assert.deepEqual(subjects, ['one|ada', 'two|ada'])
  })
})

test('the transaction of a sign-in form does not stand in for one of a provider', async (t) => {
  const { gateway } = await openSite(t)
  const browser = new BrowserClient(gateway.origin)
  const state = new URL(await begin(browser)).searchParams.get('state') ?? ''
  const answer = await browser.signIn('ada', 'password123', { transaction: state, upstream: 'company' })
  assert.equal(answer.status, 400)
})

describe('RD-01 RD-02 the way back', () => {
  test('is a path of this site, or the start page', async (t) => {
    const { gateway } = await openSite(t)
    const targets = readFileSync(new URL('../hostile/return-targets.txt', import.meta.url), 'utf8')
      .trimEnd()
      .split('\n')
    assert.ok(targets.length > 20)
    const visitor = new Visitor()
    for (const target of targets) {
      const browser = new BrowserClient(gateway.origin)
      const start = await browser.send(`/_auth/oidc/company/start?return_to=${target}`)
      const answer = await browser.send(pathOf(await visitor.visit(locationOf(start))))
      assert.equal(locationOf(answer), '/', target)
    }
  })
})

test('RD-05 what a request says of the host changes nothing', async (t) => {
  const { gateway } = await openSite(t)
  const browser = new BrowserClient(gateway.origin)
  const spoofed = {
    ...navigation,
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    forwarded: 'host=evil.example;proto=https',
  }
  const location = new URL(locationOf(await browser.send('/_auth/oidc/company/start', 'GET', spoofed)))
  assert.equal(location.searchParams.get('redirect_uri'), `${gateway.origin}/_auth/oidc/company/callback`)
})

test('what the query of a request says never reaches the provider', async (t) => {
  const { gateway } = await openSite(t)
  const browser = new BrowserClient(gateway.origin)
  const start = '/_auth/oidc/company/start?prompt=none&scope=admin&redirect_uri=https://evil.example&acr_values=0'
  const location = new URL(locationOf(await browser.send(start)))
  assert.deepEqual([...location.searchParams.keys()].toSorted(), [
    'client_id',
    'code_challenge',
    'code_challenge_method',
    'nonce',
    'redirect_uri',
    'response_type',
    'scope',
    'state',
  ])
})

test('configured parameters are sent', async (t) => {
  const { gateway } = await openSite(t, {
    upstream: { prompt: 'login', maxAge: '1h', acrValues: ['gold'], authorizationParameters: { ui_locales: 'de' } },
  })
  const { searchParams } = new URL(await begin(new BrowserClient(gateway.origin)))
  assert.deepEqual(
    ['prompt', 'max_age', 'acr_values', 'ui_locales'].map((name) => searchParams.get(name)),
    ['login', '3600', 'gold', 'de'],
  )
})

test('an `acr` that is not good enough is none', async (t) => {
  const { gateway } = await openSite(t, { upstream: { acrValues: ['gold'] } })
  const browser = new BrowserClient(gateway.origin)
  assertErrorPage(gateway, await signIn(browser), { code: 'bad_transaction' })
  assert.ok(gateway.events.some((event) => event.type === 'sign_in_refused' && event.reason === 'bad_identity'))
})

test('TM-06 claims are taken by configuration only, and an address that is not verified is none', async (t) => {
  const { gateway, ...site } = await openSite(t, {
    upstream: { claims: { mail: '/email', short: '/preferred_username' } },
  })
  const claims = async (account: string) => {
    const browser = await signedIn({ gateway, ...site }, new Visitor(account))
    return (await browser.send('/_auth/session')).json()['claims']
  }
  assert.deepEqual(await claims('ada'), { mail: 'ada@company.example', short: 'ada' })
  assert.deepEqual(await claims('mallory'), { short: 'mallory' })
  assert.deepEqual(await claims('eve'), { short: 'eve' })
})

describe('one provider down', () => {
  test('neither stops the start nor another way in, and is asked again soon', async (t) => {
    const provider = await startProvider()
    t.after(() => provider.close())
    const clock = clockOfNow()
    provider.mode = 'down'
    const gateway = await startGateway({
      clock,
      options: (origin, service) => ({
        upstreams: { accounts: serviceOptions(service.origin), company: provider.describe(origin) },
      }),
    })
    t.after(() => gateway.close())
    const browser = new BrowserClient(gateway.origin)
    assert.equal((await browser.signIn()).status, 303)

    const answer = await browser.send('/_auth/oidc/company/start')
    assertErrorPage(gateway, answer, { code: 'upstream_unavailable' })
    const asked = provider.calls.size
    assert.equal((await browser.send('/_auth/oidc/company/start')).status, 503)
    assert.equal(provider.calls.size, asked, 'while it rests it is not asked')
    provider.mode = 'well'
    clock.advance(2000)
    assert.equal((await browser.send('/_auth/oidc/company/start')).status, 303)
  })

  test('a provider that hangs is 504', async (t) => {
    const { gateway, provider } = await openSite(t, { upstream: { timeout: '300ms' } })
    provider.mode = 'hang'
    const answer = await new BrowserClient(gateway.origin).send('/_auth/oidc/company/start')
    assertErrorPage(gateway, answer, { code: 'upstream_slow' })
  })

  test('a provider that fails between the two halves of a sign-in', async (t) => {
    const { gateway, provider } = await openSite(t)
    const browser = new BrowserClient(gateway.origin)
    const callback = await new Visitor().visit(await begin(browser))
    provider.mode = 'down'
    assertErrorPage(gateway, await browser.send(pathOf(callback)), { code: 'upstream_unavailable' })
  })
})

describe('the sign-in page', () => {
  test('shows providers beside the form, and leads to each', async (t) => {
    const provider = await startProvider()
    t.after(() => provider.close())
    const gateway = await startGateway({
      clock: clockOfNow(),
      options: (origin, service) => ({
        upstreams: { accounts: serviceOptions(service.origin), company: provider.describe(origin) },
      }),
    })
    t.after(() => gateway.close())
    const browser = new BrowserClient(gateway.origin)
    const page = await browser.send('/_auth/login?return_to=/protected')
    assert.equal(page.status, 200)
    assert.match(page.text, /<form method="post"/)
    assert.match(page.text, /href="\/_auth\/oidc\/company\/start\?return_to=%2Fprotected"/)
    const chosen = await browser.send('/_auth/login?upstream=company&return_to=/protected')
    assert.equal(locationOf(chosen), '/_auth/oidc/company/start?return_to=%2Fprotected')
  })

  test('with one provider it is shown to whoever has just signed out, and to nobody else', async (t) => {
    const { gateway, ...site } = await openSite(t)
    const browser = await signedIn({ gateway, ...site })
    await browser.signOut()
    const page = await browser.send('/_auth/login?return_to=/protected')
    assert.equal(page.status, 200)
    assert.match(page.text, /href="\/_auth\/oidc\/company\/start\?return_to=%2Fprotected"/)
    assert.equal((await new BrowserClient(gateway.origin).send('/_auth/login')).status, 303)
  })

  test('is shown where the session ended for a reason that might end the next one too', async (t) => {
    const { gateway, ...site } = await openSite(t)
    const browser = await signedIn({ gateway, ...site })
    await site.provider.signOutEverywhere('ada', site.provider.sids.at(-1))
    const page = await browser.send('/_auth/login')
    assert.equal(page.status, 200)
  })

  test('is passed over where the session ended by time', async (t) => {
    const { gateway, clock, ...site } = await openSite(t)
    const browser = await signedIn({ gateway, clock, ...site })
    clock.advance(minutes(31))
    assert.equal((await browser.send('/_auth/login')).status, 303)
  })
})

test('CK with a Strict cookie the way back goes by a page of ours, which is no circle', async (t) => {
  const { gateway } = await openSite(t, { options: { session: { cookie: { sameSite: 'strict' } } } })
  const browser = new BrowserClient(gateway.origin)
  const start = await browser.send('/_auth/oidc/company/start?return_to=/protected')
  assert.match(start.setCookies.join(), /postern-browser=.*SameSite=Lax/)
  const answer = await browser.send(pathOf(await new Visitor().visit(locationOf(start))))
  assert.equal(answer.status, 200)
  assert.match(answer.text, /<meta http-equiv="refresh" content="0;url=\/protected">/)
  assert.match(answer.setCookies.join(), /postern=.*SameSite=Strict/)
  assert.equal((await browser.send('/protected')).status, 200)
})

test('LO-01 with a Strict cookie, which does not come along from the provider, a sign-in over another session ends that one too', async (t) => {
  const site = await openSite(t, { options: { session: { cookie: { sameSite: 'strict' } } } })
  const browser = await signedIn(site, new Visitor('ada'))
  const old = new Map(browser.cookies)
  const callback = await new Visitor('grace').visit(await begin(browser))
  const bare = new BrowserClient(site.gateway.origin)
  bare.cookies.set('postern-browser', browser.cookies.get('postern-browser') ?? '')
  const finished = await bare.send(pathOf(callback))
  assert.equal(finished.status, 200)
  assert.match(finished.setCookies.join(), /postern-out=since\.\d+~[\w-]{22}\.\d+;/)
  assert.equal((await bare.send('/protected')).json()['subject'], 'company|grace')
  const copy = new BrowserClient(site.gateway.origin)
  copy.cookies.set('postern', old.get('postern') ?? '')
  assert.equal((await copy.send('/_auth/session', 'GET', {})).status, 401)
})

test('an upstream that is no provider, or none at all, is 404', async (t) => {
  const { gateway } = await openSite(t)
  const browser = new BrowserClient(gateway.origin)
  for (const path of ['nobody/start', 'nobody/callback', 'constructor/start']) {
    assert.equal((await browser.send(`/_auth/oidc/${path}`)).status, 404)
  }
  assert.equal((await browser.send('/_auth/oidc/company/start', 'POST')).status, 405)
})
