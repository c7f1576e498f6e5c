import * as Type from './type.ts'
import { choice, duration, flag, keys, map, origin, secretText, size, strict, text } from './schema.ts'

/* One entry of `routes`. */

const claimValues = [Type.String({ minLength: 1 }), Type.Number(), Type.Boolean()] as const
const claimValue = Type.Union(claimValues)

export const route = strict(
  {
    host: Type.Optional(
      text('Only requests for this host, with its port where that is not the default one. Without it, any host.'),
    ),
    path: Type.String({
      description:
        'A prefix of whole segments: `/admin/` and `/admin` both match `/admin` and `/admin/x`, and never `/administrator`.',
      pattern: '^/',
      errorMessage: 'must be a path that begins with /',
    }),
    exact: Type.Optional(flag('Match the path itself and nothing below it.', false)),
    ignoreCase: Type.Optional(
      flag(
        'Whether to match without regard to case. `false`: case counts, and the backend has to see it so too. Without it, case counts, and a path that would be for this route in another case is refused with 400 instead of going to a less specific one.',
      ),
    ),
    methods: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z-]+$', errorMessage: 'must be the name of a method, such as GET' }), {
        minItems: 1,
        description: 'Only these methods. Without it, all.',
      }),
    ),
    access: Type.Optional(
      choice(
        ['public', 'optional', 'protected'],
        'Whether a credential is needed. With `optional` whoever is signed in is named to the backend, everybody else goes on as nobody, and a bad credential is refused.',
        'protected',
      ),
    ),
    require: Type.Optional(
      map(
        keys.claim,
        Type.Union([...claimValues, Type.Array(claimValue, { minItems: 1 })], {
          description: 'A value, or several of which one is enough. Its type counts: `1` is not `"1"`.',
        }),
        'For each claim named, at least one of the values must be there.',
      ),
    ),
    backend: Type.Optional(origin('Origin that requests are forwarded to.')),
    stripPrefix: Type.Optional(flag('Take the matched prefix off the path before forwarding.', false)),
    credentials: Type.Optional(
      choice(
        ['none', 'upstream', 'assertion'],
        "What the backend is shown beside identity headers: nothing, the upstream's token, or a signed assertion of ours that it verifies with our JWKS.",
        'none',
      ),
    ),
    audience: Type.Optional(text("`aud` of the assertion. Default: the backend's origin.")),
    authorization: Type.Optional(
      choice(
        ['ours', 'passthrough'],
        "Whose the `Authorization` header is. With `passthrough` the client's goes to the backend, and only the cookie is ours.",
        'ours',
      ),
    ),
    onAnonymous: Type.Optional(
      choice(
        ['auto', 'redirect', '401'],
        'The answer when nobody is signed in: by client (`auto`), always the sign-in page, or always 401.',
        'auto',
      ),
    ),
    dpop: Type.Optional(
      choice(
        ['optional', 'required'],
        'Whether an access token has to be bound to the key of its client. Default: `dpop.mode`. Cookies are another matter.',
      ),
    ),
    websocket: Type.Optional(flag('Whether WebSockets are let through.', true)),
    cors: Type.Optional(
      Type.Array(origin('An origin.'), {
        description:
          'Origins whose pages may call this route with the cookie or a token. Preflights of a protected route are answered here. Without it, none.',
      }),
    ),
    headers: Type.Optional(
      map(
        keys.header,
        secretText('Text, or `{ file: PATH }` or `{ env: NAME }` for a secret.'),
        "Headers added to what is forwarded, in place of the client's.",
      ),
    ),
    tls: Type.Optional(
      strict(
        {
          caFile: Type.Optional(text("Path of a PEM file with the authorities to trust, instead of the system's.")),
          certFile: Type.Optional(text('Path of a PEM file with a client certificate.')),
          keyFile: Type.Optional(text('Path of a PEM file with its private key.')),
        },
        'TLS to the backend. The first route of a backend says it for all.',
      ),
    ),
    slide: Type.Optional(flag('Whether a renewal on this route moves the idle limit.', true)),
    timeout: Type.Optional(duration('Bound on the wait for the backend to begin its answer.', '30s')),
    maxBody: Type.Optional(size('Bound on a request body; 1 kB is 1000 bytes. Without it, none.')),
    encodedSlash: Type.Optional(
      choice(
        ['refuse', 'forward'],
        'Whether `%2f` past the matched prefix is refused or forwarded as it came.',
        'refuse',
      ),
    ),
    pathParams: Type.Optional(
      choice(
        ['refuse', 'forward'],
        'Whether `;`, also as `%3b`, past the matched prefix is refused or forwarded as it came.',
        'refuse',
      ),
    ),
  },
  'One route. The most specific match wins.',
)

/** A route as it is written, before `parse`. */
export type RouteOptions = Type.Static<typeof route>
