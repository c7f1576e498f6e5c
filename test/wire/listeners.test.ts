import assert from 'node:assert/strict'
import dns from 'node:dns'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { startGateway } from '../support/gateway.ts'

test('DS-03 `localhost` is one listener, with all bounds, where the name has several addresses', async (t) => {
  const systemLookup = dns.lookup
  // What the framework asks, to open a listener for each.
  t.mock.method(dns, 'lookup', (host: string, options: { all?: boolean }, done: (...all: unknown[]) => void) => {
    if (host !== 'localhost' || options.all !== true)
      return void Reflect.apply(systemLookup, dns, [host, options, done])
    done(null, [
      { address: '127.0.0.1', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ])
  })
  const gateway = await startGateway({
    face: 'server',
    options: (origin) => ({ listen: { host: 'localhost', port: Number(new URL(origin).port), adminPort: 0 } }),
  })
  t.after(() => gateway.close())
  const [first, ...more] = gateway.app.addresses() as AddressInfo[]
  assert.deepEqual([first?.address, more], ['127.0.0.1', []])
  const [error] = (await once(connect(first?.port ?? 0, '127.0.0.2'), 'error').catch((error: Error) => [error])) as [
    NodeJS.ErrnoException,
  ]
  assert.equal(error.code, 'ECONNREFUSED')
})
