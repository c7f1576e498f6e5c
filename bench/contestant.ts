import type { FastifyInstance } from 'fastify'

export type Headers = Readonly<Record<string, string>>

/** Somebody's app, with or without something in front of its one route. */
export interface Contestant {
  /**
   * Not yet listening: the process that holds it does that.
   *
   * @param loginService origin of a service with accounts, in another process as it always is
   */
  start(loginService: string): Promise<FastifyInstance>
  /** What its callers send. Asked for in another process; the server is up by then. The baseline of a pair is sent the same. */
  headers(origin: string): Promise<Headers>
}

export const path = '/protected'

/** The answer of every contestant. */
export const answer = async (): Promise<{ hello: string }> => ({ hello: 'world' })

/** As a current Chromium sends them for a page of the same origin, with one cookie that is somebody else's. */
export const browserHeaders: Headers & { cookie: string } = {
  host: 'app.example.com',
  connection: 'keep-alive',
  'sec-ch-ua': '"Chromium";v="142", "Not)A;Brand";v="8"',
  'sec-ch-ua-mobile': '?0',
  'sec-ch-ua-platform': '"Linux"',
  'upgrade-insecure-requests': '1',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'sec-fetch-site': 'same-origin',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-user': '?1',
  'sec-fetch-dest': 'document',
  'accept-encoding': 'gzip, deflate, br, zstd',
  'accept-language': 'en-GB,en;q=0.9',
  cookie: 'theme=dark',
}

/** As a program sends them. */
export const programHeaders: Headers = {
  host: 'app.example.com',
  connection: 'keep-alive',
  accept: 'application/json',
  'user-agent': 'example-client/1.0',
}
