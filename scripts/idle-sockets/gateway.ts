import { demoOptions } from '../../src/demo/options.ts'
import { parseOptions } from '../../src/config/load.ts'
import { generateSealingKey, generateSigningKey, type StoredJwk } from '../../src/keys/generate.ts'
import { parseKey, type Key } from '../../src/keys/key.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { createServer } from '../../src/server.ts'

/*
 * The gateway in a process of its own. Asked for its figures it tells memory and processor time; told a number of
 * milliseconds, it takes it to be that much later.
 */

export type GatewayOrder = { readonly ask: 'figures' } | { readonly advance: number }

export interface GatewayFigures {
  /** Bytes that the system holds for the process. */
  readonly resident: number
  /** Bytes of them that JavaScript uses, buffers included. */
  readonly used: number
  /** Microseconds of processor time since the start. */
  readonly processor: number
}

const [backend = '', loginOrigin = '', revocations = '', port = ''] = process.argv.slice(2)
let ahead = 0
const clock = () => Date.now() + ahead

async function key(jwk: StoredJwk): Promise<Key> {
  const parsed = await parseKey(JSON.stringify(jwk))
  if (!parsed.ok) throw new Error(parsed.fault)
  return parsed.key
}

const { upstreams, publicUrl } = demoOptions({ port: Number(port), loginOrigin })
const options = parseOptions({
  upstreams,
  publicUrl,
  listen: { host: '127.0.0.1', port: Number(port), adminPort: 0 },
  revocations: { file: revocations },
  // Everybody signs in from one address, one after the other.
  rateLimit: { login: { perAccountAndAddress: '100000/1m', perAddress: '100000/1m', perAccount: '100000/1m' } },
  routes: [{ path: '/', backend }],
})
const activatesAt = Date.now()
const keys = [
  await key(await generateSigningKey('ES256', { activatesAt })),
  await key(generateSealingKey({ activatesAt })),
]
const server = createServer(options, { keys, clock, log: createLogger('fatal') })
await server.listen()

process.on('message', (order: GatewayOrder) => {
  if ('advance' in order) {
    ahead += order.advance
    return process.send?.({})
  }
  globalThis.gc?.()
  const { rss: resident, heapUsed, external } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const figures: GatewayFigures = { resident, used: heapUsed + external, processor: user + system }
  return process.send?.(figures)
})
process.on('disconnect', () => process.exit(0))
process.send?.({})
