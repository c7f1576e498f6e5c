import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { reasons, type ClientCode, type Reason } from '../../src/base/reasons.ts'
import { bearerToken, BrowserClient, send, type Answer } from '../support/browser-client.ts'
import { startGateway, type Gateway, type GatewaySettings } from '../support/gateway.ts'
import { openSocket } from '../support/socket-client.ts'

export type Carrier = 'cookie' | 'bearer'

type Headers = Readonly<Record<string, string>>

/** What a door did. */
export interface Heard {
  readonly status: number
  /** Of the problem. */
  readonly code: unknown
  /** Whom it took the request to come from; undefined = nobody. */
  readonly who: string | undefined
  /** Everything that it said, to look for secrets in. */
  readonly said: string
}

/** One way to bring a token. */
export interface Door {
  readonly name: string
  readonly carriers: readonly Carrier[]
  knock(site: DoorSite, headers: Headers): Promise<Heard>
  /** What a good token gets. Both undefined: as for everybody. */
  readonly welcome: Readonly<Record<Carrier, { readonly status: number; readonly who: string | undefined }>>
  /** What a bad one gets. `who`: signing out needs no more than a session that was ours. */
  refusal(reason: Reason): { readonly status: number; readonly code?: ClientCode; readonly who?: string }
}

export interface DoorSite {
  readonly gateway: Gateway
  /** What reached the backend, requests and handshakes. */
  readonly reached: IncomingHttpHeaders[]
  close(): Promise<void>
}

/** A gateway with every door that there is, in front of a backend that tells what it was told. */
export async function startDoors(settings: Pick<GatewaySettings, 'clock' | 'keys'> = {}): Promise<DoorSite> {
  const reached: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    reached.push(request.headers)
    response.end('ok')
  })
  const sockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    reached.push(request.headers)
    sockets.handleUpgrade(request, socket, head, () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const backend = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const gateway = await startGateway({
    ...settings,
    face: 'server',
    options: () => ({
      forwardAuth: ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy'],
      trustedProxies: ['127.0.0.1/32', '::1/128'],
      api: { audience: 'https://api.example.com' },
      routes: [
        { path: '/app/', backend },
        { path: '/open/', access: 'public', backend },
      ],
    }),
  })
  return {
    gateway,
    reached,
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      await gateway.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The headers that bring a token, with those that keep every other rule out of the way. */
export function carrying(site: DoorSite, carrier: Carrier, token: string): Headers {
  if (carrier === 'bearer') return { authorization: `Bearer ${token}` }
  return { cookie: `postern=${token}`, origin: site.gateway.origin }
}

/** A new sign-in. */
export async function goodToken({ gateway }: DoorSite, carrier: Carrier): Promise<string> {
  if (carrier === 'bearer') return bearerToken(gateway.origin)
  const client = new BrowserClient(gateway.origin)
  await client.signIn()
  return client.cookies.get('postern') ?? ''
}

function heard(answer: Answer, who: unknown): Heard {
  const isProblem = String(answer.headers['content-type']).startsWith('application/problem+json')
  return {
    status: answer.status,
    code: isProblem ? answer.json()['code'] : undefined,
    who: typeof who === 'string' && who !== '' ? who : undefined,
    said: `${JSON.stringify({ ...answer.headers, 'set-cookie': '' })}${answer.text}`,
  }
}

const both: readonly Carrier[] = ['bearer', 'cookie']
const john = 'accounts|1'
const welcomed = (status: number, who: string | undefined = john) => ({ status, who })
const everybody = (status: number) => ({ cookie: welcomed(status), bearer: welcomed(status) })
const asUnauthenticated: Door['refusal'] = (reason) => ({ status: 401, code: reasons[reason] })

/** Who the backend was told of by what reached it since. */
async function told(site: DoorSite, path: string, headers: Headers): Promise<Heard> {
  site.reached.length = 0
  const answer = await send(`${site.gateway.origin}${path}`, 'GET', headers)
  const [last] = site.reached
  const shown = [last?.['x-forwarded-user'], last?.authorization, last?.cookie].find((value) => value !== undefined)
  return heard(answer, shown)
}

const questions: Readonly<Record<string, Headers>> = {
  nginx: { 'x-original-method': 'GET', 'x-original-url': 'http://app.example.com/app/x' },
  traefik: { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/app/x', 'x-forwarded-host': 'app.example.com' },
  caddy: { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/app/x', 'x-forwarded-host': 'app.example.com' },
  haproxy: { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/app/x', 'x-forwarded-host': 'app.example.com' },
  'envoy/app/x': {},
}

export const doors: readonly Door[] = [
  {
    name: 'a guarded route',
    carriers: both,
    async knock({ gateway }, headers) {
      const answer = await send(`${gateway.origin}/protected`, 'GET', headers)
      return heard(answer, answer.status === 200 ? answer.json()['subject'] : undefined)
    },
    welcome: everybody(200),
    refusal: asUnauthenticated,
  },
  {
    name: 'a proxied route',
    carriers: both,
    async knock(site, headers) {
      const answer = await told(site, '/app/x', headers)
      return site.reached.length > 0 ? { ...answer, who: answer.who ?? 'somebody' } : answer
    },
    welcome: everybody(200),
    refusal: asUnauthenticated,
  },
  {
    name: 'a route where anybody may be anonymous',
    carriers: both,
    async knock({ gateway }, headers) {
      const answer = await send(`${gateway.origin}/`, 'GET', headers)
      const who = answer.status === 200 ? (answer.json()['signedIn'] as { subject: string } | null) : null
      return heard(answer, who?.subject)
    },
    welcome: everybody(200),
    // What merely ended is nobody; what is bad is not (security.md TV-19).
    refusal: (reason) =>
      reasons[reason] === 'expired' ? { status: 200 } : { status: 401, code: 'invalid_credential' },
  },
  {
    name: 'a public route',
    carriers: both,
    knock: (site, headers) => told(site, '/open/x', headers),
    welcome: { cookie: { status: 200, who: undefined }, bearer: { status: 200, who: undefined } },
    refusal: () => ({ status: 200 }),
  },
  {
    name: 'GET /_auth/session',
    carriers: both,
    async knock({ gateway }, headers) {
      const answer = await send(`${gateway.origin}/_auth/session`, 'GET', headers)
      return heard(answer, answer.status === 200 ? answer.json()['subject'] : undefined)
    },
    welcome: everybody(200),
    refusal: asUnauthenticated,
  },
  {
    name: 'POST /_auth/renew',
    carriers: both,
    async knock({ gateway }, headers) {
      const answer = await send(`${gateway.origin}/_auth/renew`, 'POST', headers)
      return heard(answer, answer.setCookies.length > 0 ? john : undefined)
    },
    welcome: { cookie: welcomed(204), bearer: { status: 400, who: undefined } },
    refusal: asUnauthenticated,
  },
  {
    name: 'GET /_auth/login',
    carriers: ['cookie'],
    async knock({ gateway }, headers) {
      const answer = await send(`${gateway.origin}/_auth/login`, 'GET', headers)
      return heard(answer, answer.status === 303 ? john : undefined)
    },
    welcome: everybody(303),
    refusal: () => ({ status: 200 }),
  },
  {
    name: 'POST /_auth/logout',
    carriers: both,
    async knock({ gateway }, headers) {
      const before = gateway.events.length
      const answer = await send(`${gateway.origin}/_auth/logout`, 'POST', headers)
      const event = gateway.events.slice(before).find(({ type }) => type === 'signed_out')
      return heard(answer, event?.sub)
    },
    welcome: everybody(204),
    // A session that has ended is signed out all the same, at the upstream too (security.md LO-05).
    refusal: (reason) => (reasons[reason] === 'expired' ? { status: 204, who: john } : { status: 204 }),
  },
  ...Object.entries(questions).map(([proxy, question]): Door => ({
    name: `/_auth/verify/${proxy}`,
    carriers: both,
    async knock({ gateway }, headers) {
      const answer = await send(`${gateway.origin}/_auth/verify/${proxy}`, 'GET', { ...headers, ...question })
      return heard(answer, answer.headers['x-forwarded-user'])
    },
    welcome: everybody(200),
    refusal: asUnauthenticated,
  })),
  {
    name: 'a WebSocket',
    carriers: both,
    async knock(site, headers) {
      site.reached.length = 0
      const result = await openSocket(`${site.gateway.origin}/app/socket`, { headers })
      const who = site.reached.length > 0 ? (site.reached[0]?.['x-forwarded-user'] ?? 'somebody') : undefined
      if (!result.open)
        return { status: result.status, code: undefined, who: who?.toString(), said: JSON.stringify(result.headers) }
      result.socket.terminate()
      return { status: 101, code: undefined, who: who?.toString(), said: '' }
    },
    welcome: everybody(101),
    refusal: () => ({ status: 401 }),
  },
]

/** Each door with each way to bring a token to it. */
export const ways = doors.flatMap((door) => door.carriers.map((carrier) => ({ door, carrier })))
