import * as Type from './type.ts'
import { client, clientKey, exchange } from './exchange-options.ts'
import { route } from './route-options.ts'
import { choice, duration, flag, keys, map, origin, rate, secretText, strict, text } from './schema.ts'
import { loginUpstream } from './upstream-options.ts'
import { oidcUpstream } from './oidc-options.ts'

/*
 * The one description of the configuration: the type that a developer sees, the JSON Schema that an editor reads, and
 * the reference in docs/configuration.md all come from here. Defaults are applied in `parse.ts`; `default` here is what
 * that file does when the key is absent, and a test compares the two.
 */

const port = (description: string, fallback: number) =>
  Type.Integer({ minimum: 0, maximum: 65_535, description, default: fallback })

const listen = strict(
  {
    host: Type.Optional(text('Address to listen on.', '0.0.0.0')),
    port: Type.Optional(port('Port to listen on; 0 takes a free one.', 8080)),
    adminHost: Type.Optional(text('Address of the admin port.', '127.0.0.1')),
    adminPort: Type.Optional(port('Port of /healthz and /readyz; 0 takes a free one.', 9080)),
  },
  'Where the server listens. The plugin ignores it.',
)

const redis = strict(
  {
    url: Type.String({
      description:
        'Address of the server, such as `redis://10.0.0.5:6379` or `rediss://…` for TLS; `/1` at the end chooses a database.',
      pattern: '^rediss?://[^@]+$',
      errorMessage: 'must be an address such as redis://10.0.0.5:6379; user and password have keys of their own',
    }),
    username: Type.Optional(text('Name of the user. Default: the server decides.')),
    password: Type.Optional(secretText('`{ file: PATH }` or `{ env: NAME }`, or the text itself.')),
    prefix: Type.Optional(text('What every key begins with.', 'postern:')),
    timeout: Type.Optional(duration('How long an answer is waited for.', '250ms')),
  },
  'A Redis or Valkey server.',
)

const facts = strict(
  {
    redis: Type.Optional(
      Type.Union([redis, Type.Null()], {
        description:
          'A Redis or Valkey server through which replicas tell each other of sign-outs, renewals and attempts. It holds no session. Default: none.',
        default: null,
      }),
    ),
  },
  'What several processes know together.',
)

/** The front proxies that ask, each with its own way to say what it was asked. */
export const frontProxies = ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy'] as const

const proxiesFault =
  'must be a list of addresses or CIDRs, such as [10.0.0.0/8]; hop counts are not supported, for anyone can add a hop'

const keySettings = strict(
  {
    dir: Type.Optional(text('Folder of the JWK files.', './keys')),
    publishAhead: Type.Optional(duration('How long a new key is published before it is used.', '15m')),
    maxAge: Type.Optional(duration('Age of a current key from which a warning is logged.', '90d')),
  },
  'Signing and sealing keys.',
)

const cookieBaseName = (description: string, fallback?: string) =>
  Type.String({
    description,
    pattern: '^[A-Za-z0-9_-]{1,40}$',
    errorMessage: 'must be 1 to 40 letters, digits, `_` or `-`; the prefix is added by itself',
    ...(fallback === undefined ? {} : { default: fallback }),
  })

const cookie = strict(
  {
    name: Type.Optional(cookieBaseName('Name without prefix; over https it becomes `__Host-NAME`.', 'postern')),
    sameSite: Type.Optional(
      choice(['lax', 'strict'], 'With `strict`, a link from another site shows the sign-in page first.', 'lax'),
    ),
    formerNames: Type.Optional(
      Type.Array(cookieBaseName('A name.'), {
        description:
          'Names that the cookie had before, without prefix: sessions in them are taken over, nobody is signed out by a new name.',
        default: [],
      }),
    ),
  },
  'The session cookie.',
)

const session = strict(
  {
    tokenTtl: Type.Optional(duration('Life of a session token; renewed from two thirds of it.', '5m')),
    idleTimeout: Type.Optional(duration('A session not used for this long is over.', '30m')),
    absoluteTimeout: Type.Optional(duration('A session is over this long after sign-in, used or not.', '8h')),
    renewWait: Type.Optional(duration('How long a request with a still valid token waits for its renewal.', '500ms')),
    uncheckedTimeout: Type.Optional(
      duration(
        'How long a session lives whose upstream has neither a check nor a refresh call; with a refresh call alone, how old its last answer may get.',
        '1h',
      ),
    ),
    recheckEvery: Type.Optional(
      duration('How often the upstream is asked about one session at most. Default: `tokenTtl`.'),
    ),
    maxSockets: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'WebSockets open at once for one session, in one process.',
        default: 100,
      }),
    ),
    deviceBound: Type.Optional(
      choice(
        ['off', 'prefer', 'require'],
        'Experimental: bind sessions to a key of the device, in browsers that can (Device Bound Session Credentials). With `prefer` others have the plain cookie; with `require` theirs ends after `tokenTtl`.',
        'off',
      ),
    ),
    cookie: Type.Optional(cookie),
  },
  'The life of a session.',
)

const api = strict(
  {
    tokenTtl: Type.Optional(duration('Life of an access token; never renewed.', '10m')),
    audience: Type.Optional(
      text(
        '`aud` of access tokens. Default: `publicUrl`. May not be the audience of session tokens, which is `publicUrl` and `prefix` together.',
      ),
    ),
  },
  'Tokens for API clients.',
)

const dpop = strict(
  {
    mode: Type.Optional(
      choice(
        ['off', 'optional', 'required'],
        'Whether access tokens are bound to the key of their client: never, where it brings a proof of one, or always. Cookies are another matter.',
        'off',
      ),
    ),
    nonces: Type.Optional(
      flag('Whether a proof has to hold a nonce of ours. Without them the clocks of clients have to be right.', true),
    ),
  },
  'DPoP (RFC 9449): access tokens that are worth nothing to whoever copies them. See [dpop.md](dpop.md).',
)

const loginLimits = strict(
  {
    perAccountAndAddress: Type.Optional(rate('Failed sign-ins of one account from one address.', '5/1m')),
    perAddress: Type.Optional(rate('Failed sign-ins from one address; an IPv6 address counts as its /64.', '30/1m')),
    perAccount: Type.Optional(
      rate('Failed sign-ins of one account from everywhere. Beyond it a sign-in is delayed, never refused.', '50/15m'),
    ),
  },
  'Bounds on guessing passwords.',
)

const exchangeLimits = strict(
  {
    perClientAndAddress: Type.Optional(rate('Refused tokens of one client from one address.', '60/1m')),
    perAddress: Type.Optional(rate('Refused tokens from one address; an IPv6 address counts as its /64.', '120/1m')),
    perClient: Type.Optional(
      rate('Refused tokens of one client from everywhere. Beyond it an exchange is delayed, never refused.', '600/1m'),
    ),
  },
  'Bounds on trying subject tokens. Wrong client secrets count as failed sign-ins.',
)

const atMost = (description: string, fallback: number) =>
  Type.Integer({ minimum: 1, maximum: 1_000_000, description, default: fallback })

const overload = strict(
  {
    maxDelay: Type.Optional(
      duration('How late the event loop may be on average before requests are refused.', '500ms'),
    ),
    maxRequests: Type.Optional(
      atMost('Requests open at once, event streams and downloads among them; WebSockets are not.', 8192),
    ),
    maxConnections: Type.Optional(
      atMost('Connections of clients at once, idle ones and WebSockets among them. Beyond it they are closed.', 16_384),
    ),
  },
  'What one process takes on: beyond it, requests are refused with 503 and `Retry-After`, so that those it has taken are answered in time. The plugin ignores it.',
)

const nullable = (description: string, pattern?: { readonly pattern: string; readonly errorMessage: string }) =>
  Type.Union([Type.String({ minLength: 1, ...pattern }), Type.Null()], { description, default: null })

const brand = strict(
  {
    name: Type.Optional(nullable('Name of the site: in the title of every page, and above its heading.')),
    logo: Type.Optional(
      nullable(
        'Path of a picture instead of the door: SVG, PNG, JPEG or WebP, of 32 kB at most. It stands in the page itself.',
      ),
    ),
    logoDark: Type.Optional(nullable('Path of the picture for dark pages. Default: the same.')),
    icon: Type.Optional(nullable('Path of the picture for the tab of the browser. Default: a door in the colour.')),
    color: Type.Optional(
      nullable(
        'Colour of buttons, links and focus, as `#rrggbb`. What stands on it is white or black, so that it can be read.',
        {
          pattern: '^#[0-9A-Fa-f]{6}$',
          errorMessage: 'must be a colour such as "#0d5f58": a number sign and six hexadecimal digits, in quotes',
        },
      ),
    ),
  },
  'What the pages look like.',
)

const pages = strict(
  {
    dir: Type.Optional(
      nullable(
        'Folder with texts of the pages: one `LANGUAGE.yaml` for each language, such as `de.yaml`. See [pages.md](pages.md). Default: none.',
      ),
    ),
    language: Type.Optional(
      Type.String({
        description: 'The language for who asks for none that there is: `en`, `de`, `es`, or one of `dir`.',
        pattern: '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$',
        errorMessage: 'must be a language tag (RFC 5646), such as en or de-AT',
        default: 'en',
      }),
    ),
    brand: Type.Optional(brand),
  },
  'The pages that people see.',
)

const insecure = strict(
  {
    httpPublicUrl: Type.Optional(flag('Allow an http public URL on a host that is not loopback.', false)),
    httpUpstreams: Type.Optional(
      flag('Allow http upstreams that are not loopback: passwords cross the network in the clear.', false),
    ),
  },
  'Every dangerous switch. Each one that is on is logged at every start.',
)

const tracing = strict(
  {
    propagate: Type.Optional(
      flag(
        'Send `traceparent` and `tracestate` with calls to login services and backends. False in an app whose own instrumentation of undici does that.',
        true,
      ),
    ),
    endpoint: Type.Optional(
      text(
        'Where spans are sent, by OTLP over HTTP: the address of a collector, such as `http://127.0.0.1:4318`; `/v1/traces` is added where it is not there. Default: nowhere. The plugin ignores it, and what follows.',
      ),
    ),
    headers: Type.Optional(
      map(
        keys.header,
        secretText('Text, or `{ file: PATH }` or `{ env: NAME }` for a secret.'),
        'Headers that the collector asks for.',
      ),
    ),
    sample: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description:
          'Share of the requests whose spans are sent. For one that comes from `trustedProxies` with a `traceparent`, that decides.',
        default: 1,
      }),
    ),
    serviceName: Type.Optional(text('`service.name` of the spans.', 'postern')),
  },
  'W3C Trace Context and OpenTelemetry.',
)

const log = strict(
  {
    level: Type.Optional(
      choice(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'], 'Level of the log.', 'info'),
    ),
  },
  'The log.',
)

export const OptionsSchema = strict(
  {
    publicUrl: origin(
      'The origin under which browsers reach the gateway, such as `https://app.example.com`. Also the issuer (`iss`) of every token.',
    ),
    prefix: Type.Optional(
      Type.String({
        description: 'Path prefix of our own endpoints.',
        default: '/_auth',
        pattern: '^(/[A-Za-z0-9_-]+)+$',
        errorMessage: 'must be a path of letters, digits, `_` and `-`, without a final slash',
      }),
    ),
    listen: Type.Optional(listen),
    trustedProxies: Type.Optional(
      Type.Array(Type.String({ minLength: 1, errorMessage: proxiesFault }), {
        description: 'Addresses or CIDRs whose `X-Forwarded-For` is believed.',
        default: [],
        errorMessage: proxiesFault,
      }),
    ),
    keys: Type.Optional(keySettings),
    forwardAuth: Type.Optional(
      Type.Array(choice(frontProxies, 'A kind of proxy.'), {
        description:
          'Front proxies that ask this gateway about each request: their endpoints under `/_auth/verify/` exist. Their answers hold what is meant for a backend, so none exists unless it is named, and the proxy must let no client ask there: the printed snippets do not.',
        default: [],
      }),
    ),
    session: Type.Optional(session),
    api: Type.Optional(api),
    dpop: Type.Optional(dpop),
    upstreams: Type.Map(keys.upstream.pattern, Type.Union([loginUpstream, oidcUpstream]), {
      description: 'The services that sign people in, by a short key.',
      additionalProperties: false,
      errorMessage: keys.upstream.errorMessage,
      minProperties: 1,
    }),
    routes: Type.Optional(
      Type.Array(route, {
        description: 'What is forwarded to backends, and to whom it is open. In a host app its own routes come first.',
        default: [],
      }),
    ),
    exchange: Type.Optional(
      Type.Map(keys.upstream.pattern, exchange, {
        description: 'Token exchange (RFC 8693): how tokens that API clients bring are validated, by upstream.',
        additionalProperties: false,
        errorMessage: keys.upstream.errorMessage,
      }),
    ),
    clients: Type.Optional(map(clientKey, client, 'Clients of the token endpoint, by client id.')),
    rateLimit: Type.Optional(
      strict({ login: Type.Optional(loginLimits), exchange: Type.Optional(exchangeLimits) }, 'Bounds per process.'),
    ),
    revocations: Type.Optional(
      strict(
        { file: Type.Optional(text('A YAML file, read again whenever it changes. Without it, there is none.')) },
        'Sessions ended before their time.',
      ),
    ),
    identity: Type.Optional(
      strict(
        {
          headers: Type.Optional(
            map(
              keys.header,
              Type.String({ minLength: 1, description: 'The claim: `sub`, or one that an upstream maps.' }),
              'Further headers for backends, each with the claim that fills it, such as `Remote-User: sub`.',
            ),
          ),
        },
        'What a backend is told about the person.',
      ),
    ),
    pages: Type.Optional(pages),
    insecure: Type.Optional(insecure),
    tracing: Type.Optional(tracing),
    log: Type.Optional(log),
    workers: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: 256 }), Type.Literal('auto')], {
        description:
          'Processes that serve; `auto` takes one for each core. They share ports, files and facts: a sign-out, a renewal and an attempt to sign in count in all of them. The plugin ignores it.',
        default: 1,
      }),
    ),
    replicas: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        description:
          'Instances that run with this configuration, on whatever machines. Only for checks: what several of them cannot do without `facts.redis` is refused.',
        default: 1,
      }),
    ),
    facts: Type.Optional(facts),
    overload: Type.Optional(overload),
    shutdownTimeout: Type.Optional(duration('How long requests in flight may go on after SIGTERM.', '30s')),
  },
  'Configuration of Postern.',
)

/** The options of `createPostern`, and what `postern.yaml` holds. */
export type Options = Type.Static<typeof OptionsSchema>
