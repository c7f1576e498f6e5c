import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { send } from '../support/browser-client.ts'
import { startGateway, type GatewaySettings } from '../support/gateway.ts'

async function open(t: TestContext, settings: GatewaySettings) {
  const gateway = await startGateway(settings)
  t.after(() => gateway.close())
  const warnings = () =>
    gateway.events.flatMap((event) =>
      event.type === 'warning' && event.message.includes('trustedProxies') ? [event.message] : [],
    )
  const ask = (headers: Record<string, string>, path = '/protected') => send(`${gateway.origin}${path}`, 'GET', headers)
  return { gateway, warnings, ask }
}

for (const face of ['plugin', 'server'] as const) {
  for (const header of ['X-Forwarded-For', 'X-Forwarded-Proto', 'Forwarded'])
    test(`${face}: ${header} of a peer that is not trusted is told of, once and without its value`, async (t) => {
      const { warnings, ask } = await open(t, { face })
      await ask({})
      assert.deepEqual(warnings(), [])
      await ask({ [header.toLowerCase()]: 'canary' })
      const [said = '', ...more] = warnings()
      assert.match(said, new RegExp(`^${header} came from (127\\.0\\.0\\.1|::1), which is not in trustedProxies: `))
      assert.doesNotMatch(said, /canary/)
      assert.deepEqual(more, [])
      for (const [name, path] of [
        ['x-forwarded-for', '/_auth/login'],
        ['x-forwarded-proto', '/protected'],
        ['forwarded', '/_auth/session'],
      ] as const)
        await ask({ [name]: '192.0.2.1' }, path)
      assert.equal(warnings().length, 1)
    })

  test(`${face}: nothing is told of one that is trusted`, async (t) => {
    const { warnings, ask } = await open(t, { face, options: () => ({ trustedProxies: ['127.0.0.0/8', '::1'] }) })
    await ask({ 'x-forwarded-for': '192.0.2.1', 'x-forwarded-proto': 'http', forwarded: 'for=192.0.2.1' })
    assert.deepEqual(warnings(), [])
  })
}
