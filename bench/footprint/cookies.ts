import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { parseOptions } from '../../src/config/load.ts'
import { createServer } from '../../src/server.ts'
import { publicUrl, type World } from '../contestant.ts'
import { cookiesOf } from '../sign-in.ts'

/** What the login service hands out, and the bytes of `Cookie` that a browser then may send at most. */
const cases: readonly (readonly [what: string, token: () => string, goal: number])[] = [
  ['opaque token of 64 bytes', () => randomBytes(48).toString('base64url'), 1_050],
  ['JWT of 1 kB', () => jwtOf(1_000), 2_000],
  ['JWT of 2 kB', () => jwtOf(2_000), 2_500],
  ['JWT of 3.5 kB', () => jwtOf(3_500), 3_100],
]

/** Signs in with a token of each kind, and prints how long the Cookie header gets. */
export async function measureCookies({ keys }: Pick<World, 'keys'>): Promise<void> {
  console.log('\nCookie header of a session with the number of the person, a name and a role, in bytes')
  for (const [what, token, goal] of cases) {
    const lengths: number[] = []
    for (let people = 0; people < 5; people += 1) lengths.push(await cookieWith(token(), keys))
    console.log(`  ${what.padEnd(52)} ${Math.max(...lengths)}   goal ${goal}`)
  }
}

async function cookieWith(token: string, keys: string): Promise<number> {
  const service = createHttpServer((request, response) => {
    request.resume()
    const user = { id: 4711, name: 'Ada Lovelace', roles: ['user'] }
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ token, user }))
  })
  await once(service.listen(0, '127.0.0.1'), 'listening')
  const { port } = service.address() as AddressInfo
  const config = parseOptions({
    publicUrl,
    keys: { dir: keys },
    listen: { host: '127.0.0.1', port: 0, adminPort: 0 },
    upstreams: {
      accounts: {
        kind: 'login',
        origin: `http://127.0.0.1:${port}`,
        login: {
          request: { method: 'POST', path: '/api/login', json: { User: '{username}', Password: '{password}' } },
          token: { json: '/token' },
          subject: { json: '/user/id' },
          claims: { name: { json: '/user/name' }, roles: { json: '/user/roles' } },
        },
      },
    },
  })
  const server = createServer(config, { log: pino({ level: 'silent' }) })
  const { address } = await server.listen()
  const [cookie = ''] = await cookiesOf(address, 1)
  await server.close()
  service.closeAllConnections()
  service.close()
  return cookie.length
}

/** As an OpenID provider signs them with RS256: a person, and as many groups as it takes to be that long. */
function jwtOf(length: number): string {
  const groups: string[] = []
  const made = () => {
    const header = { alg: 'RS256', typ: 'JWT', kid: randomBytes(16).toString('base64url') }
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: 'https://login.example.com/realms/company',
      sub: randomUUID(),
      aud: 'account',
      iat: now,
      exp: now + 300,
      jti: randomUUID(),
      azp: 'portal',
      scope: 'openid profile email',
      email: 'ada@example.com',
      ...(groups.length === 0 ? {} : { groups }),
    }
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    return `${part(header)}.${part(claims)}.${randomBytes(256).toString('base64url')}`
  }
  while (made().length < length) groups.push(groupNames[groups.length % groupNames.length] + String(groups.length))
  return made()
}

const groupNames = ['/sales/europe/team-', '/engineering/platform/', '/support/level-', '/hr/payroll-', 'project:']
