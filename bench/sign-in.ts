import assert from 'node:assert/strict'
import { publicUrl } from './contestant.ts'

/** Sign-ins under way at once. */
const atOnce = 32

/** What the browsers of that many people send as `Cookie` from then on. */
export function cookiesOf(origin: string, count: number): Promise<readonly string[]> {
  return many(count, async () => {
    const answer = await signIn(origin, 'cookie')
    await answer.arrayBuffer()
    // A deletion is kept by no browser.
    const kept = answer.headers.getSetCookie().filter((cookie) => !/; max-age=0/i.test(cookie))
    return kept.map((cookie) => cookie.slice(0, cookie.indexOf(';'))).join('; ')
  })
}

/** The access tokens of that many programs. */
export function tokensOf(origin: string, count: number): Promise<readonly string[]> {
  return many(count, async () => {
    const { access_token: token } = (await (await signIn(origin, 'token')).json()) as { access_token: string }
    return token
  })
}

async function many(count: number, one: () => Promise<string>): Promise<readonly string[]> {
  const results: string[] = []
  let begun = 0
  const some = async () => {
    while (begun < count) {
      begun += 1
      results.push(await one())
    }
  }
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, some))
  return results
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
