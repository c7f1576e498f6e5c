/** Name and value of each header of one request. */
export type Headers = Readonly<Record<string, string>>

/** What stands around every contestant, in processes of their own. */
export interface World {
  /** Origins. */
  readonly loginService: string
  readonly backend: string
  /** Folder with the keys that everyone signs with. */
  readonly keys: string
  /** How many different people ask, where a row is about many. */
  readonly crowd: number
}

/** What runs and is measured: one process, or several that only work together. */
export interface Running {
  readonly origin: string
  readonly path: string
  /** One request after the other, and from the beginning again. */
  readonly heads: readonly Headers[]
  /** Microseconds of processor since the start, user and system, every thread of every process. */
  usage(): Promise<number>
  stop(): Promise<void>
}

export interface Contestant {
  /** Why it cannot run here, or false. */
  readonly missing: string | false
  start(world: World, execArgv: readonly string[]): Promise<Running>
}

export const publicUrl = 'https://app.example.com'

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

/** The same with cookies of the contestant's own. */
export function withCookie(cookie: string, headers: Headers = browserHeaders): Headers {
  return { ...headers, cookie: `${browserHeaders.cookie}; ${cookie}` }
}

/** As a program sends them. */
export const programHeaders: Headers = {
  host: 'app.example.com',
  connection: 'keep-alive',
  accept: 'application/json',
  'user-agent': 'example-client/1.0',
}

export function withToken(token: string): Headers {
  return { ...programHeaders, authorization: `Bearer ${token}` }
}
