import assert from 'node:assert/strict'
import { test } from 'node:test'
import { send } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { DeviceBrowser, startDeviceGateway } from '../support/device.ts'
import { createJudge, type Description } from '../support/openapi.ts'

test('what is answered to a browser that binds is what is described, each status of it', async (t) => {
  const gateway = await startDeviceGateway(t)
  const description = (await send(`${gateway.origin}/_auth/openapi.json`)).json() as unknown as Description
  const judge = createJudge(description)
  const described = Object.keys(description.paths).filter((path) => path.includes('/device/'))
  assert.deepEqual(described, ['/_auth/device/register', '/_auth/device/refresh'])
  const browser = await DeviceBrowser.open(gateway.origin, gateway.clock)
  judge('signIn', await browser.signIn())
  judge('registerDevice', await browser.register(undefined, { 'sec-fetch-site': 'same-site' }))
  judge('registerDevice', await browser.register())
  judge('registerDevice', await browser.register())
  judge('readSession', await browser.send('/_auth/session'))
  judge('refreshDevice', await browser.ask())
  judge('refreshDevice', await browser.ask())
  judge('refreshDevice', await browser.ask(undefined, { 'sec-secure-session-id': 'a b' }))
  gateway.service.mode = 'down'
  gateway.clock.advance(minutes(6))
  judge('refreshDevice', await browser.refresh())
  browser.cookies.clear()
  judge('refreshDevice', await browser.ask())
  assert.deepEqual(
    judge.unseen().filter((where) => where.includes('Device')),
    [],
  )
  for (const path of described) assert.equal((await browser.send(path)).status, 405)
})
