import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installFromMaven } from '../real-upstreams/install.ts'
import { freePort } from '../../test/support/free-port.ts'
import { serve, type Running } from '../real-upstreams/process.ts'

export const version = '26.4.0'

export const secret = 'a-secret-of-the-client'
export const password = 'correct: horse +/="&%\\ üß€'

const admin = 'an-administrator'

export interface Keycloak {
  readonly server: Running
  readonly issuer: string
  /** As an administrator does it: every session of the person is over. */
  signOutEverywhere(name: string): Promise<void>
}

export const install = (folder: string) => installFromMaven(folder, 'org.keycloak', 'keycloak-quarkus-dist', version)

/** @param gateway origin of the gateway, which is registered as the only client */
export async function start(folder: string, data: string, gateway: string): Promise<Keycloak> {
  const home = join(folder, `keycloak-${version}`)
  const imports = join(home, 'data', 'import')
  mkdirSync(imports, { recursive: true })
  writeFileSync(join(imports, 'main-realm.json'), JSON.stringify(realm(gateway)))
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const args = ['start-dev', '--import-realm', '--http-host=127.0.0.1', `--http-port=${port}`, '--db=dev-mem']
  const server = await serve(join(home, 'bin', 'kc.sh'), args, {
    cwd: data,
    origin,
    ready: '/realms/main/.well-known/openid-configuration',
    // Its first start compiles it, on a small machine.
    patience: 600_000,
    env: { KC_BOOTSTRAP_ADMIN_USERNAME: admin, KC_BOOTSTRAP_ADMIN_PASSWORD: password },
  })
  return { server, issuer: `${origin}/realms/main`, signOutEverywhere: (name) => signOut(origin, name) }
}

function realm(gateway: string) {
  const base = `${gateway}/_auth`
  return {
    realm: 'main',
    enabled: true,
    sslRequired: 'none',
    accessTokenLifespan: 60,
    revokeRefreshToken: true,
    refreshTokenMaxReuse: 0,
    users: [
      {
        username: 'ada',
        enabled: true,
        email: 'ada@example.com',
        emailVerified: true,
        firstName: 'Ada',
        lastName: 'Lovelace',
        credentials: [{ type: 'password', value: password, temporary: false }],
        realmRoles: ['default-roles-main'],
      },
    ],
    clients: [
      {
        clientId: 'postern',
        enabled: true,
        secret,
        standardFlowEnabled: true,
        directAccessGrantsEnabled: false,
        redirectUris: [`${base}/oidc/company/callback`],
        attributes: {
          'post.logout.redirect.uris': `${base}/logout`,
          'backchannel.logout.url': `${base}/oidc/company/backchannel-logout`,
          'backchannel.logout.session.required': 'true',
          'pkce.code.challenge.method': 'S256',
        },
      },
    ],
  }
}

async function signOut(origin: string, name: string): Promise<void> {
  const token = await json(`${origin}/realms/master/protocol/openid-connect/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: admin, password }),
  })
  const headers = { authorization: `Bearer ${String((token as { access_token?: unknown }).access_token)}` }
  const users = (await json(`${origin}/admin/realms/main/users?username=${name}`, { headers })) as { id: string }[]
  const answer = await fetch(`${origin}/admin/realms/main/users/${users[0]?.id}/logout`, { method: 'POST', headers })
  if (!answer.ok) throw new Error(`the administrator was answered ${answer.status}`)
}

async function json(url: string, init: RequestInit): Promise<unknown> {
  const answer = await fetch(url, init)
  if (!answer.ok) throw new Error(`${new URL(url).pathname} was answered ${answer.status}`)
  return answer.json()
}
