/**
 * The gateway as `postern serve` runs it, log included, in front of a backend and a login service in other processes. Its
 * clock can be moved on, so that sessions come due without waiting.
 */
import { destination } from 'pino'
import { parseOptions } from '../src/config/load.ts'
import { demoOptions } from '../src/demo/options.ts'
import { createLogger } from '../src/observe/logger.ts'
import { createServer } from '../src/server.ts'
import { freshKeys } from '../test/support/keys.ts'
import { serve } from './process.ts'

const [loginService = '', backend = '', recheckEvery = '5m'] = process.argv.slice(2)
const unlimited = '100000/1m'
let ahead = 0
const clock = () => Date.now() + ahead

const config = parseOptions({
  ...demoOptions({ port: 0, loginOrigin: loginService }),
  publicUrl: 'https://app.example.com',
  listen: { host: '127.0.0.1', port: 0, adminPort: 0 },
  session: { tokenTtl: '5m', idleTimeout: '8h', absoluteTimeout: '8h', recheckEvery },
  trustedProxies: ['127.0.0.1'],
  forwardAuth: ['nginx'],
  routes: [
    { path: '/public/', access: 'public', backend },
    { path: '/', backend },
  ],
  rateLimit: { login: { perAccountAndAddress: unlimited, perAddress: unlimited, perAccount: unlimited } },
})
const log = createLogger('info', destination({ dest: '/dev/null', sync: false }))
const server = createServer(config, { log, clock, keys: await freshKeys(Date.now()) })
const { address } = await server.listen()

serve({
  origin: (): string => address,
  /** Microseconds since the start, user and system, every thread of the process. */
  usage: (): number => {
    const { user, system } = process.cpuUsage()
    return user + system
  },
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
