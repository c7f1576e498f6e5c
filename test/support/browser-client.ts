import { request } from 'undici'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly setCookies: readonly string[]
  readonly text: string
  json(): Record<string, unknown>
}

/** Headers that a browser sends with each sort of request. */
export const navigation = {
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'none',
  accept: 'text/html,*/*;q=0.8',
}
export const sameOriginFetch = {
  'sec-fetch-mode': 'cors',
  'sec-fetch-dest': 'empty',
  'sec-fetch-site': 'same-origin',
  accept: '*/*',
}
export const formPost = {
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'same-origin',
  'content-type': 'application/x-www-form-urlencoded',
  accept: 'text/html,*/*;q=0.8',
}

type Headers = Readonly<Record<string, string>>

/** One request, whose answer is taken as it is: redirects are not followed. */
export async function send(address: string, method = 'GET', headers: Headers = {}, body?: string): Promise<Answer> {
  const answer = await request(address, { method, headers, ...(body === undefined ? {} : { body }) })
  const text = await answer.body.text()
  const setCookie = answer.headers['set-cookie'] ?? []
  return {
    status: answer.statusCode,
    headers: answer.headers,
    setCookies: Array.isArray(setCookie) ? setCookie : [setCookie],
    text,
    json: () => JSON.parse(text) as Record<string, unknown>,
  }
}

/** What a browser keeps: cookies by name, gone when told so. Enough for one site with one path. */
export class BrowserClient {
  readonly cookies = new Map<string, string>()
  private readonly ends = new Map<string, number>()
  private readonly now: () => number
  /** May be moved to another process behind the same address. */
  origin: string

  /** @param now milliseconds; without it no cookie ends by its age */
  constructor(origin: string, now: () => number = () => 0) {
    this.origin = origin
    this.now = now
  }

  cookieHeader(): Headers {
    this.dropEnded()
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    return cookie === '' ? {} : { cookie }
  }

  dropEnded(): void {
    for (const [name, end] of this.ends) if (this.now() >= end) this.cookies.delete(name)
  }

  /** Takes the cookies of an answer, as late as the test likes. */
  take({ setCookies }: Pick<Answer, 'setCookies'>): void {
    for (const text of setCookies) {
      const [pair = ''] = text.split(';', 1)
      const name = pair.slice(0, pair.indexOf('='))
      const age = /;\s*max-age=(\d+)/i.exec(text)?.[1]
      if (age === '0') this.cookies.delete(name)
      else this.cookies.set(name, pair.slice(name.length + 1))
      if (age === undefined || age === '0') this.ends.delete(name)
      else this.ends.set(name, this.now() + Number(age) * 1000)
    }
  }

  /** Sends with the cookies of now, and does not take those of the answer yet. */
  sendOnly(path: string, method = 'GET', headers: Headers = navigation, body?: string): Promise<Answer> {
    return send(`${this.origin}${path}`, method, { ...this.cookieHeader(), ...headers }, body)
  }

  async send(path: string, method = 'GET', headers: Headers = navigation, body?: string): Promise<Answer> {
    const answer = await this.sendOnly(path, method, headers, body)
    this.take(answer)
    return answer
  }

  async signIn(username = 'john', password = 'password123', more: Record<string, string> = {}): Promise<Answer> {
    const body = new URLSearchParams({ username, password, ...more }).toString()
    return this.send('/_auth/login', 'POST', { ...formPost, origin: this.origin }, body)
  }

  signOut(): Promise<Answer> {
    return this.send('/_auth/logout', 'POST', { ...formPost, origin: this.origin }, '')
  }
}

/** The access token of a JSON sign-in. */
export async function bearerToken(origin: string, username = 'john', password = 'password123'): Promise<string> {
  const answer = await send(
    `${origin}/_auth/login`,
    'POST',
    { 'content-type': 'application/json' },
    JSON.stringify({ username, password }),
  )
  return String(answer.json()['access_token'])
}
