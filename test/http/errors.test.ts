import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertErrorPage, assertLogsAreClean, assertProblem } from '../contract/refusal.ts'
import { BrowserClient, formPost, navigation, send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'

let gateway: Gateway
before(async () => {
  gateway = await startGateway({
    face: 'server',
    routes: (app) => {
      app.get('/throws', async () => {
        throw new Error('canary: postgres://admin:password123@database/secret')
      })
      app.get('/throws/text', async () => {
        // eslint-disable-next-line no-throw-literal -- an app may throw anything
        throw 'canary'
      })
      app.get('/throws/status', async () => {
        throw Object.assign(new Error('canary'), { statusCode: 418, code: 'CANARY' })
      })
      app.get('/throws/server', async () => {
        throw Object.assign(new Error('canary'), { statusCode: 507, headers: { 'x-canary': 'canary' } })
      })
      app.get(
        '/schema',
        {
          schema: {
            querystring: { type: 'object', required: ['canary'], properties: { canary: { type: 'integer' } } },
          },
        },
        async () => ({}),
      )
    },
  })
})
after(() => gateway.close())

const ask = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  send(`${gateway.origin}${path}`, 'GET', headers)

describe('EH-01 what an app throws', () => {
  for (const path of ['/throws', '/throws/text', '/throws/server']) {
    test(`${path} is 500, and not a word of it leaves`, async () => {
      for (const headers of [{}, navigation]) {
        const answer = await ask(path, headers)
        if ('accept' in headers) assertErrorPage(gateway, answer, { code: 'internal' })
        else assertProblem(gateway, answer, { code: 'internal' })
        assert.doesNotMatch(answer.text, /canary|Error:|\.ts:|at async/)
        assert.doesNotMatch(JSON.stringify(answer.headers), /canary/)
      }
      assert.doesNotMatch(gateway.logs.join(''), /canary/)
      assert.ok(gateway.events.some(({ type }) => type === 'error'))
    })
  }

  test('with a status of its own that is a client error is 400, and not a word of it leaves', async () => {
    const answer = await ask('/throws/status')
    assertProblem(gateway, answer, { code: 'bad_request' })
    assert.doesNotMatch(answer.text, /canary/i)
  })

  test('by its own schema is 400, and says nothing of the schema', async () => {
    const answer = await ask('/schema?canary=password123')
    assertProblem(gateway, answer, { code: 'bad_request' })
    assert.doesNotMatch(answer.text, /canary|querystring/)
  })
})

describe('EH-02 what nobody can read', () => {
  for (const [what, path] of [
    ['an encoding that ends too early', '/%'],
    ['an encoding that is none', '/%zz'],
    ['half a character', '/%C3'],
    ['a path that is very long', `/${'a'.repeat(8000)}`],
    ['a query that is very long', `/protected?${'a'.repeat(8000)}`],
    ['a query of many brackets', `/_auth/login?${'a[b]='.repeat(500)}`],
    ['a query that names the prototype', '/_auth/login?__proto__[return_to]=//evil.example&constructor=1'],
    ['a query whose encoding is broken', '/_auth/login?return_to=%zz&%=%'],
    ['an upstream that is none', '/_auth/login?upstream=__proto__'],
    ['a list where one value is due', '/_auth/login?upstream=a&upstream=b&return_to=/a&return_to=/b'],
  ] as const) {
    test(`${what} is no fault of the gateway`, async () => {
      for (const headers of [{}, navigation]) {
        const answer = await ask(path, headers)
        assert.ok(answer.status < 500, `${answer.status}`)
      }
    })
  }
})

describe('EH-04 what came with a request and is shown again', () => {
  const markup = '"><script>alert(1)</script><img src=x onerror=alert(1)>\'`{{7*7}}'

  test('is text in the sign-in form', async () => {
    const body = new URLSearchParams({ username: markup, password: 'not the password', return_to: `/${markup}` })
    const answer = await send(
      `${gateway.origin}/_auth/login`,
      'POST',
      { ...formPost, origin: gateway.origin },
      body.toString(),
    )
    assert.equal(answer.status, 401)
    assert.doesNotMatch(answer.text, /<script|<img|not the password/)
    assert.match(answer.text, /value="&quot;&gt;&lt;script&gt;/)
  })

  test('is text on the sign-out page', async () => {
    const user = gateway.service.users.get('john')
    assert.ok(user !== undefined)
    const { name } = user
    user.name = markup
    const client = new BrowserClient(gateway.origin)
    await client.signIn()
    user.name = name
    const page = await client.send(`/_auth/logout?return_to=${encodeURIComponent(markup)}`)
    assert.equal(page.status, 200)
    assert.doesNotMatch(page.text, /<script|<img/)
    assert.match(page.text, /&lt;script&gt;/)
  })

  test('is on no other page: addresses, headers and parameters of errors are not repeated', async () => {
    const query = `error=${encodeURIComponent(markup)}&error_description=canary&message=canary`
    for (const path of [
      `/_auth/login?${query}`,
      `/_auth/logout?${query}`,
      `/_auth/nothing?${query}`,
      `/nothing/canary?${query}`,
    ]) {
      const answer = await ask(path, { ...navigation, referer: 'https://canary.example', 'user-agent': markup })
      assert.doesNotMatch(answer.text, /canary|onerror|alert\(1\)/, path)
    }
    assertLogsAreClean(gateway)
  })
})
