import { parseOptions } from '../../src/config/load.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'
import { parseKey, type Key } from '../../src/keys/key.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { createServer } from '../../src/server.ts'

/* The gateway in a process of its own, that says how much memory it holds whenever it is asked. */

const [backend = ''] = process.argv.slice(2)

async function key(jwk: object): Promise<Key> {
  const parsed = await parseKey(JSON.stringify(jwk))
  if (!parsed.ok) throw new Error(parsed.fault)
  return parsed.key
}

const options = parseOptions({
  publicUrl: 'http://localhost:8080',
  listen: { host: '127.0.0.1', port: 0, adminPort: 0 },
  upstreams: {
    accounts: {
      kind: 'login',
      origin: 'http://127.0.0.1:9',
      login: {
        request: { method: 'POST', path: '/', json: { u: '{username}', p: '{password}' } },
        token: { json: '/token' },
        subject: { json: '/id' },
      },
    },
  },
  routes: [{ path: '/', access: 'public', backend }],
  // A busy machine is no load of this gateway.
  overload: { maxDelay: '30s' },
})
const activatesAt = Date.now()
const keys = [
  await key(await generateSigningKey('ES256', { activatesAt })),
  await key(generateSealingKey({ activatesAt })),
]
const server = createServer(options, { keys, log: createLogger('fatal') })
const { address } = await server.listen()

process.on('message', () => {
  globalThis.gc?.()
  process.send?.({ bytes: process.memoryUsage.rss() })
})
process.on('disconnect', () => process.exit(0))
process.send?.({ address })
