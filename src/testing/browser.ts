import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { TestProver, TestRequest } from './proof.ts'

/** What Playwright takes as `storageState` of a browser context. */
export interface StorageState {
  readonly cookies: {
    readonly name: string
    readonly value: string
    readonly domain: string
    readonly path: string
    /** Always -1: until the context is closed. The clock of a test need not be that of the browser. */
    readonly expires: number
    readonly httpOnly: boolean
    readonly secure: boolean
    readonly sameSite: 'Strict' | 'Lax'
  }[]
  readonly origins: never[]
}

/** Who sends a request: a person in a browser, or a program with a token. */
export interface TestClient {
  /** `auth.subject` of the person. */
  readonly subject: string
  /** `auth.sessionId`. */
  readonly sessionId: string
  /** What shows the credential, for any way of sending a request. @param request counts where the credential is bound to a key */
  headers(request?: TestRequest): Readonly<Record<string, string>>
  /** What an answer sets is kept. */
  take(setCookies: readonly string[]): void
}

/** The cookies of one person, as a browser keeps them: renewed, replaced and deleted by the answers that {@link inject} gets. */
export class TestBrowser implements TestClient {
  readonly subject: string
  readonly sessionId: string
  readonly #origin: string
  readonly #cookies = new Map<string, string>()

  constructor(who: Pick<TestClient, 'subject' | 'sessionId'>, origin: string, setCookies: readonly string[]) {
    this.subject = who.subject
    this.sessionId = who.sessionId
    this.#origin = origin
    this.take(setCookies)
  }

  /** The Set-Cookie values that it holds now, with their attributes. */
  get setCookies(): readonly string[] {
    return [...this.#cookies.values()]
  }

  /** As a page of ours sends a fetch: with cookies, and with what says that it is ours. */
  headers(): Readonly<Record<string, string>> {
    const cookie = this.setCookies.map((text) => text.split(';', 1)[0]).join('; ')
    return {
      ...(cookie === '' ? {} : { cookie }),
      origin: this.#origin,
      'sec-fetch-site': 'same-origin',
      'sec-fetch-mode': 'cors',
      'sec-fetch-dest': 'empty',
    }
  }

  take(setCookies: readonly string[]): void {
    for (const text of setCookies) {
      const name = text.slice(0, text.indexOf('='))
      const attributes = text.split(';').map((one) => one.trim().toLowerCase())
      if (attributes.includes('max-age=0')) this.#cookies.delete(name)
      else this.#cookies.set(name, text)
    }
  }

  /** For `browser.newContext({ storageState })`: the person is signed in there. */
  storageState(): StorageState {
    const { hostname } = new URL(this.#origin)
    const cookies = this.setCookies.map((text) => {
      const [pair = '', ...attributes] = text.split(/;\s*/)
      const given = new Map<string, string>()
      for (const attribute of attributes) {
        const [name = '', value = ''] = attribute.split('=', 2)
        given.set(name.toLowerCase(), value)
      }
      return {
        name: pair.slice(0, pair.indexOf('=')),
        value: pair.slice(pair.indexOf('=') + 1),
        domain: hostname,
        path: given.get('path') ?? '/',
        expires: -1,
        httpOnly: given.has('httponly'),
        secure: given.has('secure'),
        sameSite: given.get('samesite')?.toLowerCase() === 'strict' ? ('Strict' as const) : ('Lax' as const),
      }
    })
    return { cookies, origins: [] }
  }
}

/** A program with an access token. */
export class TestProgram implements TestClient {
  readonly subject: string
  readonly sessionId: string
  readonly token: string
  readonly #prover: TestProver | undefined

  constructor(who: Pick<TestClient, 'subject' | 'sessionId'>, token: string, prover?: TestProver) {
    this.subject = who.subject
    this.sessionId = who.sessionId
    this.token = token
    this.#prover = prover
  }

  /** Of a bound token with a proof that is good for that request, once. */
  headers(request: TestRequest = {}): Readonly<Record<string, string>> {
    return this.#prover === undefined
      ? { authorization: `Bearer ${this.token}` }
      : { authorization: `DPoP ${this.token}`, dpop: this.#prover.prove(this.token, request) }
  }

  /** It has no cookies, and is given none. */
  take(): void {}
}

/**
 * Fastify's `inject` as somebody: with their credential, and with headers of the request before those. What the answer sets
 * is kept, as a browser does, so that one test can go through renewal and sign-out.
 *
 * @param request as `inject` takes it; a text is the address of a GET
 * @example
 * const answer = await inject(app, await kit.mintSession({ claims: { roles: ['admin'] } }), '/admin')
 */
export async function inject(
  app: Pick<FastifyInstance, 'inject'>,
  client: TestClient,
  request: string | InjectOptions,
): Promise<LightMyRequestResponse> {
  const asked: InjectOptions = typeof request === 'string' ? { url: request } : request
  const { method, url = asked.path } = asked
  const credential = client.headers({ method, url: typeof url === 'object' ? url.pathname : url })
  const answer = await app.inject({ ...asked, headers: { ...credential, ...asked.headers } })
  client.take([answer.headers['set-cookie'] ?? []].flat())
  return answer
}
