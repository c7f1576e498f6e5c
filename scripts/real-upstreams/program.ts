import type { Running } from './process.ts'

/** Hard for every encoding between the form and the program: reserved in a URL, in JSON, in Basic and in UTF-8. */
export const password = 'correct: horse +/="&%\\ üß€'

/** A token-issuing program that was not written here. */
export interface Program {
  /** Also that of its file in `examples/upstreams/`, and the key in there. */
  readonly name: string
  readonly title: string
  readonly language: string
  readonly version: string
  /** @param folder empty, and kept from one run to the next */
  install(folder: string): Promise<void>
  /** @param data empty, and thrown away afterwards */
  start(folder: string, data: string): Promise<Started>
  readonly expected: Expected
}

/** A program that runs, with one user. */
export interface Started {
  readonly server: Running
  /** What the person types as a name. */
  readonly user: string
  readonly password: string
  /** A name of the same form that nobody has. */
  readonly nobody: string
  /** What the program itself calls the person. */
  readonly subject: string
}

/** What is seen of it through Postern. */
export interface Expected {
  readonly claims: Readonly<Record<string, unknown>>
  /** Seconds; undefined: the program does not tell. */
  readonly expiresIn: number | undefined
  readonly refreshes: boolean
  /** `none`: the program has none. */
  readonly logout: 'ends the token' | 'token lives on' | 'none'
  /** After this many attempts, one more is refused as `rate_limited`, whatever the password. Undefined: no bound. */
  readonly attempts?: number
}

/** JSON to the program's own API, to make a user: not the way of Postern, which is under test. */
export async function send(
  url: string,
  {
    method = 'POST',
    headers = {},
    json,
  }: { readonly method?: string; readonly headers?: Record<string, string>; readonly json: unknown },
): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(json),
    signal: AbortSignal.timeout(20_000),
  })
  if (!response.ok) throw new Error(`${method} ${new URL(url).pathname} was answered ${response.status}`)
  return (await response.json()) as Record<string, unknown>
}
