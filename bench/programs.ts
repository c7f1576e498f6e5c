/** Other people's gateways and apps, as contestants. Each says why it cannot run where its program is missing. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from '../test/forward-auth/programs.ts'
import { send } from '../test/support/browser-client.ts'
import { freePort } from '../test/support/free-port.ts'
import { startProvider, Visitor } from '../test/support/provider.ts'
import { browserHeaders, withCookie, withToken, type Contestant, type Headers, type World } from './contestant.ts'
import { names, publicPem, tokens } from './foreign-tokens.ts'
import { startProgram, type StartedProgram } from './program.ts'
import { cookiesOf } from './sign-in.ts'
import { startGateway } from './started.ts'

const oauth2ProxyPath = process.env['OAUTH2_PROXY'] ?? findProgram('oauth2-proxy')
const python = process.env['POSTERN_PYTHON'] ?? findProgram('python3') ?? 'python3'
/** As many cores as JavaScript has. */
const oneCore = { GOMAXPROCS: '1' }

interface Parts {
  readonly origin: string
  readonly path?: string
  readonly heads: readonly Headers[]
  readonly programs: readonly { usage(): number | Promise<number>; stop(): Promise<void> }[]
}

/** @param needs why it cannot run, for everything that it is made of */
function contestant(
  needs: readonly (string | false)[],
  start: (world: World, folder: string) => Promise<Parts>,
): Contestant {
  return {
    missing: needs.find((why) => why !== false) ?? false,
    async start(world) {
      const folder = mkdtempSync(join(tmpdir(), 'postern-bench-'))
      const { origin, path = '/page', heads, programs } = await start(world, folder)
      return {
        origin,
        path,
        heads,
        async usage() {
          let sum = 0
          for (const program of programs) sum += await program.usage()
          return sum
        },
        async stop() {
          for (const program of programs) await program.stop()
          rmSync(folder, { recursive: true, force: true })
        },
      }
    },
  }
}

const missing = (name: string, path: string | undefined): string | false =>
  path === undefined ? `no ${name} on this machine` : false
const haproxyMissing = missing('haproxy', findProgram('haproxy'))
const caddyMissing = missing('caddy', findProgram('caddy'))
const nginxMissing = missing('nginx', findProgram('nginx'))
const oauth2ProxyMissing = missing('oauth2-proxy (OAUTH2_PROXY names one)', oauth2ProxyPath)
const flaskMissing =
  spawnSync(python, ['-c', 'import flask, gunicorn']).status === 0
    ? false
    : 'no Python with flask and gunicorn (POSTERN_PYTHON names one)'

/** HAProxy's own check of a signature, for a page that it answers itself. */
export const haproxyJwt = contestant([haproxyMissing], async (world, folder) => {
  const port = await freePort()
  writeFileSync(join(folder, 'public.pem'), await publicPem(world))
  writeFileSync(
    join(folder, 'haproxy.cfg'),
    `global
  nbthread 1
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 5s
frontend site
  bind 127.0.0.1:${port}
  http-request set-var(txn.token) http_auth_bearer
  http-request deny deny_status 401 unless { var(txn.token),jwt_header_query('$.alg') -m str ES256 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify("ES256","${folder}/public.pem") 1 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.iss') -m str ${names.issuer} }
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.aud') -m str ${names.audience} }
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.exp','int'),sub(txn.now) -m int gt 0 }
  http-request return status 200 content-type application/json string '{"hello":"world"}'
`,
  )
  const origin = `http://127.0.0.1:${port}`
  const program = await startProgram({
    command: findProgram('haproxy') ?? '',
    args: ['-db', '-f', join(folder, 'haproxy.cfg')],
    cwd: folder,
    probe: origin,
  })
  return { origin, heads: (await tokens(world, 1)).map(withToken), programs: [program] }
})

/** Flask with its signed session cookie, as the usual answer to the question has it. */
export const flask = contestant([flaskMissing], async (_world, folder) => {
  const port = await freePort()
  writeFileSync(
    join(folder, 'app.py'),
    `import secrets
from flask import Flask, jsonify, session
app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
@app.post("/sign-in")
def sign_in():
    session["user"] = {"sub": "accounts|1", "name": "john", "roles": ["user"], "token": secrets.token_urlsafe(24)}
    return jsonify()
@app.get("/page")
def page():
    if "user" not in session:
        return jsonify(error="not signed in"), 401
    return jsonify(hello="world")
`,
  )
  const origin = `http://127.0.0.1:${port}`
  const program = await startProgram({
    command: python,
    args: [
      '-m',
      'gunicorn',
      '--bind',
      `127.0.0.1:${port}`,
      '--worker-class',
      'gthread',
      '--threads',
      '32',
      '--workers',
      '1',
      '--keep-alive',
      '30',
      '--log-level',
      'error',
      'app:app',
    ],
    cwd: folder,
    probe: origin,
  })
  const [cookie = ''] = (await send(`${origin}/sign-in`, 'POST')).setCookies
  return { origin, heads: [withCookie(cookie.slice(0, cookie.indexOf(';')))], programs: [program] }
})

interface OAuth2Proxy {
  readonly origin: string
  readonly port: number
  readonly program: StartedProgram
  /** Of somebody who signed in. */
  readonly cookie: string
}

async function startOAuth2Proxy({ backend }: World, folder: string): Promise<OAuth2Proxy> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const callback = `${origin}/oauth2/callback`
  const provider = await startProvider({ host: '127.0.0.1', client: { redirect_uris: [callback] } })
  const { clientSecret } = provider.describe(origin)
  const program = await startProgram({
    command: oauth2ProxyPath ?? '',
    args: [
      '--provider=oidc',
      `--oidc-issuer-url=${provider.issuer}`,
      '--client-id=postern',
      `--client-secret=${typeof clientSecret === 'string' ? clientSecret : ''}`,
      `--redirect-url=${callback}`,
      `--http-address=127.0.0.1:${port}`,
      `--upstream=${backend}`,
      `--cookie-secret=${randomBytes(16).toString('hex')}`,
      '--cookie-secure=false',
      '--email-domain=*',
      '--scope=openid profile email',
      '--code-challenge-method=S256',
      '--skip-provider-button',
      '--request-logging=false',
      '--auth-logging=false',
      '--standard-logging=false',
    ],
    cwd: folder,
    env: oneCore,
    probe: `${origin}/ping`,
  })
  const begun = await send(`${origin}/oauth2/start?rd=/page`)
  const back = await new Visitor().visit(String(begun.headers['location']))
  const pairs = (setCookies: readonly string[]) => setCookies.map((text) => text.slice(0, text.indexOf(';'))).join('; ')
  const done = await send(back, 'GET', { cookie: pairs(begun.setCookies) })
  await provider.close()
  if (done.status !== 302) throw new Error(`oauth2-proxy answered ${done.status} to a sign-in.`)
  return { origin, port, program, cookie: pairs(done.setCookies.filter((text) => !/^[^=]+=;/.test(text))) }
}

export const oauth2Proxy = contestant([oauth2ProxyMissing], async (world, folder) => {
  const { origin, program, cookie } = await startOAuth2Proxy(world, folder)
  return { origin, heads: [withCookie(cookie)], programs: [program] }
})

export const caddyForwardAuth = contestant([caddyMissing, oauth2ProxyMissing], async (world, folder) => {
  const asked = await startOAuth2Proxy(world, folder)
  const port = await freePort()
  writeFileSync(
    join(folder, 'Caddyfile'),
    `{
	admin off
	auto_https off
}
http://127.0.0.1:${port}, http://app.example.com:${port} {
	forward_auth 127.0.0.1:${asked.port} {
		uri /oauth2/auth
		copy_headers X-Auth-Request-User X-Auth-Request-Email
	}
	reverse_proxy ${new URL(world.backend).host}
}
`,
  )
  const origin = `http://127.0.0.1:${port}`
  const program = await startProgram({
    command: findProgram('caddy') ?? '',
    args: ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'],
    cwd: folder,
    env: oneCore,
    probe: origin,
  })
  return { origin, heads: [withCookie(asked.cookie)], programs: [program, asked.program] }
})

/** nginx that asks somebody and forwards by itself; the same lines whoever is asked. */
async function startNginx({ backend }: World, folder: string, gateway: string, address: string) {
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `  ${name}_temp_path ${folder}/${name};`,
  )
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off;
worker_processes 1;
user root;
pid ${folder}/nginx.pid;
error_log stderr error;
events {}
http {
  access_log off;
  keepalive_requests 1000000;
${temporary.join('\n')}
  upstream gateway { server ${gateway}; keepalive 64; keepalive_requests 1000000; }
  upstream app { server ${new URL(backend).host}; keepalive 64; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    location = /ask {
      internal;
      proxy_pass http://gateway${address};
      proxy_pass_request_body off;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Original-URL https://$http_host$request_uri;
      proxy_set_header X-Original-Method $request_method;
    }
    location / {
      auth_request /ask;
      auth_request_set $who $upstream_http_x_forwarded_user;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-User $who;
      proxy_pass http://app;
    }
  }
}
`,
  )
  const origin = `http://127.0.0.1:${port}`
  const program = await startProgram({
    command: findProgram('nginx') ?? '',
    args: ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')],
    cwd: folder,
    probe: origin,
  })
  return { origin, program }
}

export const nginxWithOAuth2Proxy = contestant([nginxMissing, oauth2ProxyMissing], async (world, folder) => {
  const asked = await startOAuth2Proxy(world, folder)
  const { origin, program } = await startNginx(world, folder, `127.0.0.1:${asked.port}`, '/oauth2/auth')
  return { origin, heads: [withCookie(asked.cookie)], programs: [program, asked.program] }
})

export const nginxWithPostern = contestant([nginxMissing], async (world, folder) => {
  const port = await freePort()
  const peer = startGateway(world, { port }, [])
  const cookies = await cookiesOf(await peer.ask<string>('origin'), 1)
  const { origin, program } = await startNginx(world, folder, `127.0.0.1:${port}`, '/_auth/verify/nginx')
  const asked = { usage: () => peer.ask<number>('usage'), stop: () => peer.stop() }
  return { origin, heads: cookies.map((cookie) => withCookie(cookie, browserHeaders)), programs: [program, asked] }
})
