/**
 * The gateway as `postern serve` runs it, log included, in front of a backend and a login service in other processes. Its
 * clock can be moved on, so that sessions come due without waiting.
 */
import { destination } from 'pino'
import { parseOptions } from '../src/config/load.ts'
import { demoOptions } from '../src/demo/options.ts'
import { createLogger } from '../src/observe/logger.ts'
import { createServer } from '../src/server.ts'
import { publicUrl, type World } from './contestant.ts'
import { processorTime, serve } from './process.ts'

export interface GatewaySettings {
  readonly world: Pick<World, 'loginService' | 'backend' | 'keys'>
  readonly tokenTtl: string
  readonly recheckEvery: string
  /** Whether one record for each request is written, to nowhere. */
  readonly log: boolean
  /** Default: off. */
  readonly deviceBound?: 'prefer'
  /** 0: any. */
  readonly port: number
}

const settings = JSON.parse(process.argv[2] ?? '') as GatewaySettings
const { loginService, backend, keys } = settings.world
const unlimited = '100000/1m'
let ahead = 0
const clock = () => Date.now() + ahead

const config = parseOptions({
  ...demoOptions({ port: 0, loginOrigin: loginService }),
  publicUrl,
  keys: { dir: keys },
  listen: { host: '127.0.0.1', port: settings.port, adminPort: 0 },
  session: {
    tokenTtl: settings.tokenTtl,
    idleTimeout: '8h',
    absoluteTimeout: '8h',
    recheckEvery: settings.recheckEvery,
    deviceBound: settings.deviceBound ?? 'off',
  },
  trustedProxies: ['127.0.0.1'],
  forwardAuth: ['nginx'],
  dpop: { mode: 'optional' },
  routes: [
    { path: '/public/', access: 'public', backend },
    { path: '/', backend },
  ],
  rateLimit: { login: { perAccountAndAddress: unlimited, perAddress: unlimited, perAccount: unlimited } },
})
const log = createLogger(settings.log ? 'info' : 'silent', destination({ dest: '/dev/null', sync: false }))
const server = createServer(config, { log, clock })
const { address } = await server.listen()

serve({
  origin: (): string => address,
  usage: processorTime,
  /** Bytes, after a collection. */
  memory: (): { heapUsed: number; rss: number } => {
    globalThis.gc?.()
    const { heapUsed, rss } = process.memoryUsage()
    return { heapUsed, rss }
  },
  /** @param milliseconds to move the clock on */
  advance: (milliseconds: number): void => {
    ahead += milliseconds
  },
})
