import assert from 'node:assert/strict'
import Fastify, { type FastifyInstance } from 'fastify'
import { demoOptions } from '../src/demo/options.ts'
import { createPostern, type Postern } from '../src/plugin.ts'
import { freshKeys } from '../test/support/keys.ts'

const publicUrl = 'https://app.example.com'

/** An app with the plugin as anyone would register it. */
export async function guardedApp(
  loginOrigin: string,
  route: (app: FastifyInstance, postern: Postern<unknown>) => void,
): Promise<FastifyInstance> {
  const app = Fastify()
  const postern = createPostern<unknown>(
    {
      ...demoOptions({ port: 0, loginOrigin }),
      publicUrl,
      // Fresh for as long as a run lasts.
      session: { tokenTtl: '1h', idleTimeout: '1h' },
      api: { tokenTtl: '1h' },
    },
    { keys: await freshKeys(Date.now()) },
  )
  await app.register(postern.plugin)
  route(app, postern)
  return app
}

/** `Cookie` of a browser that has signed in. */
export async function cookieOf(origin: string): Promise<string> {
  const cookies = (await signIn(origin, 'cookie')).headers.getSetCookie()
  // A deletion is kept by no browser.
  return cookies
    .filter((cookie) => !/; max-age=0/i.test(cookie))
    .map((cookie) => cookie.slice(0, cookie.indexOf(';')))
    .join('; ')
}

/** Access token of a program that has signed in. */
export async function tokenOf(origin: string): Promise<string> {
  const { access_token: token } = (await (await signIn(origin, 'token')).json()) as { access_token: string }
  return token
}

async function signIn(origin: string, response: 'cookie' | 'token'): Promise<Response> {
  const answer = await fetch(`${origin}/_auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: publicUrl },
    body: JSON.stringify({ username: 'john', password: 'password123', response }),
  })
  assert.equal(answer.status, 200)
  return answer
}
