import { request } from 'undici'

export interface Page {
  readonly url: URL
  /** Every origin on the way there. */
  readonly by: readonly string[]
  readonly status: number
  readonly text: string
}

interface Asked {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

interface Answer {
  readonly status: number
  readonly location: string | undefined
  readonly text: string
}

const navigation = {
  accept: 'text/html,*/*;q=0.8',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'same-origin',
}

/** Cookies by site, redirects and forms: as much of a browser as a sign-in page without scripts needs. */
export class PlainBrowser {
  readonly #cookies = new Map<string, Map<string, string>>()

  /** Follows redirects to a page. */
  async open(address: string, asked: Asked = {}): Promise<Page> {
    let url = new URL(address)
    let next = asked
    const by: string[] = []
    for (let hop = 0; hop < 15; hop += 1) {
      by.push(url.origin)
      const { status, location, text } = await this.send(url.href, next)
      if (location === undefined) return { url, by, status, text }
      url = new URL(location, url)
      next = {}
    }
    throw new Error('redirects without end')
  }

  /** Fills in the first form of a page and sends it. */
  submit(page: Page, values: Readonly<Record<string, string>>): Promise<Page> {
    const [, attributes = '', inside = ''] = /<form([^>]*)>([\s\S]*?)<\/form>/.exec(page.text) ?? []
    const action = attributeOf(attributes, 'action')
    if (action === undefined) throw new Error(`no form on the page ${page.url.pathname} (${page.status})`)
    const shown = [...inside.matchAll(/<input([^>]*)>/g)].flatMap(([, input = '']) => {
      const name = attributeOf(input, 'name')
      return name === undefined ? [] : [[name, attributeOf(input, 'value') ?? ''] as const]
    })
    const body = new URLSearchParams({ ...Object.fromEntries(shown), ...values }).toString()
    const headers = { origin: page.url.origin, 'content-type': 'application/x-www-form-urlencoded' }
    return this.open(new URL(action, page.url).href, { method: 'POST', body, headers })
  }

  /** One request, whose redirect is not followed. */
  async send(address: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Answer> {
    const { host } = new URL(address)
    const known = this.#cookies.get(host) ?? new Map<string, string>()
    this.#cookies.set(host, known)
    const cookie = [...known].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await request(address, {
      method,
      headers: { ...navigation, ...(cookie === '' ? {} : { cookie }), ...headers },
      ...(body === undefined ? {} : { body }),
    })
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      const [pair = ''] = line.split(';', 1)
      const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
      if (/;\s*max-age=0\b/i.test(line) || value === '') known.delete(name)
      else known.set(name, value)
    }
    const { location } = answer.headers
    return {
      status: answer.statusCode,
      location: typeof location === 'string' ? location : undefined,
      text: await answer.body.text(),
    }
  }
}

function attributeOf(tag: string, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1]?.replaceAll('&amp;', '&')
}
