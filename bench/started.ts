/** How what is measured is started: an app of ours, the gateway, or a program. */
import { startPeer, type Peer } from './process.ts'
import type { App } from './app.ts'
import { path as appPath } from './app.ts'
import { browserHeaders, publicUrl, withCookie, type Contestant, type Headers, type World } from './contestant.ts'
import type { GatewaySettings } from './gateway-server.ts'
import { cookiesOf } from './sign-in.ts'

/** One file of `apps/`. */
export function app(name: string, path = appPath): Contestant {
  return {
    missing: false,
    async start(world, execArgv) {
      const peer = startPeer('./app-server.ts', [name, JSON.stringify(world)], execArgv)
      const origin = await peer.ask<string>('origin')
      const { app: it }: { app: App } = await import(`./apps/${name}.ts`)
      return { ...partsOf(peer, origin), path, heads: await it.heads(origin, world) }
    },
  }
}

export interface GatewayParts {
  readonly path: string
  readonly heads: (origin: string) => Promise<readonly Headers[]>
  readonly log?: boolean
}

/** The server of `postern serve`. */
export function gateway({ path, heads, log = false }: GatewayParts): Contestant {
  return {
    missing: false,
    async start(world, execArgv) {
      const peer = startGateway(world, { log }, execArgv)
      const origin = await peer.ask<string>('origin')
      return { ...partsOf(peer, origin), path, heads: await heads(origin) }
    },
  }
}

export function startGateway(
  world: World,
  settings: Partial<Omit<GatewaySettings, 'world'>>,
  execArgv: readonly string[],
): Peer {
  const all: GatewaySettings = { world, tokenTtl: '1h', recheckEvery: '1h', log: false, port: 0, ...settings }
  return startPeer('./gateway-server.ts', [JSON.stringify(all)], execArgv)
}

function partsOf(peer: Peer, origin: string) {
  return { origin, usage: () => peer.ask<number>('usage'), stop: () => peer.stop() }
}

export const anyone = async (): Promise<readonly Headers[]> => [browserHeaders]

export const signedIn = async (origin: string): Promise<readonly Headers[]> =>
  (await cookiesOf(origin, 1)).map((cookie) => withCookie(cookie))

/** As nginx asks for a request of somebody signed in. */
export const askedByNginx = async (origin: string): Promise<readonly Headers[]> =>
  (await signedIn(origin)).map((head) => ({
    ...head,
    'x-original-url': `${publicUrl}/page`,
    'x-original-method': 'GET',
  }))
