import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Options } from '../../src/config/options.ts'
import { postern, temporaryFolder } from '../cli/session.ts'
import { BrowserClient } from '../support/browser-client.ts'
import { freePort, startGateway, type Gateway } from '../support/gateway.ts'
import { serviceOptions, startService } from '../support/service.ts'
import { startApp, type EchoApp } from './app.ts'
import type { Front, FrontSettings } from './programs.ts'

/** A front proxy, the gateway that it asks, and an application behind it. */
export interface Site {
  /** Of the front proxy: what people use. */
  readonly origin: string
  readonly gateway: Gateway
  readonly app: EchoApp
  /** The gateway only. */
  stopGateway(): Promise<void>
  close(): Promise<void>
}

export const routes: NonNullable<Options['routes']> = [
  { path: '/' },
  { path: '/public/', access: 'public' },
  { path: '/optional/', access: 'optional' },
  { path: '/items/', methods: ['DELETE'], require: { roles: ['admin'] } },
  { path: '/admin/', require: { roles: ['admin'] } },
  { path: '/upstream/', credentials: 'upstream' },
  { path: '/basic/', authorization: 'passthrough' },
  { host: 'open.example.com', path: '/', access: 'public' },
]

export const identity = { headers: { 'Remote-User': 'sub', 'X-Auth-Request-Roles': 'roles' } }

/** What the configuration says in these tests, beside where things listen. */
export function siteOptions(serviceOrigin: string) {
  return {
    forwardAuth: ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy'],
    trustedProxies: ['127.0.0.1/32', '::1/128'],
    upstreams: { accounts: serviceOptions(serviceOrigin) },
    routes,
    identity,
  } satisfies Partial<Options>
}

/** What `postern snippet` prints for a configuration. */
export async function printSnippet(options: Options, ...args: readonly string[]): Promise<string> {
  const folder = temporaryFolder()
  try {
    // JSON is YAML.
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(options), { mode: 0o600 })
    const { code, stdout, stderr } = await postern(folder, ['snippet', ...args])
    if (code !== 0 || stderr !== '') throw new Error(`postern snippet ${args.join(' ')}: ${stderr}`)
    return stdout
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @param name of the proxy, as the command knows it */
export async function startSite(
  name: string,
  start: (settings: FrontSettings) => Promise<Front>,
  more: Partial<Options> = {},
): Promise<Site> {
  const service = await startService()
  const app = await startApp()
  const port = await freePort()
  const publicUrl = `http://localhost:${port}`
  const options = { ...siteOptions(service.origin), ...more }
  const gateway = await startGateway({ face: 'server', service, publicUrl, options: () => options })
  const listen = { host: '127.0.0.1', port: Number(new URL(gateway.origin).port) }
  const print = (...more: readonly string[]) => printSnippet({ publicUrl, listen, ...options }, name, ...more)
  const front = await start({
    snippet: (await print())
      .replaceAll('127.0.0.1:3000', app.address)
      .replace('port_value: 3000', `port_value: ${app.address.split(':')[1]}`),
    second: name === 'haproxy' ? await print('--lua') : '',
    port,
  })
  let running = true
  const stopGateway = async () => {
    if (running) await gateway.close()
    running = false
  }
  return {
    origin: publicUrl,
    gateway,
    app,
    stopGateway,
    async close() {
      await front.stop()
      await stopGateway()
      await app.close()
      await service.close()
    },
  }
}

/** Somebody signed in through the front proxy. */
export async function signedIn({ origin }: Site, username = 'john'): Promise<BrowserClient> {
  const client = new BrowserClient(origin)
  const answer = await client.signIn(username)
  if (answer.status !== 303) throw new Error(`sign-in answered ${answer.status}: ${answer.text}`)
  return client
}
