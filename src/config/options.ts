import Type, { type TObject, type TProperties } from 'typebox'

/*
 * The one description of the configuration: the type that a developer sees, the JSON Schema that an editor reads, and
 * the reference in docs/configuration.md all come from here. Defaults are applied in `parse.ts`; `default` here is what
 * that file does when the key is absent, and a test compares the two.
 */

const strict = <T extends TProperties>(properties: T, description: string): TObject<T> =>
  Type.Object(properties, { additionalProperties: false, description })

const duration = (description: string, fallback: string) =>
  Type.String({ description, default: fallback, pattern: '^[0-9]+(ms|s|m|h|d)$', examples: ['30s', '5m', '8h', '30d'] })

const text = (description: string) => Type.String({ description, minLength: 1 })

const pointer = (description: string) => Type.String({ description, pattern: '^(/.*)?$' })

const place = (description: string) =>
  Type.Union(
    [
      strict({ json: pointer('JSON Pointer (RFC 6901) into the body of the answer.') }, 'A value in the JSON body.'),
      strict(
        { jwt: pointer("JSON Pointer into the payload of the upstream's token, when that is a JWT. It is read, not verified.") },
        "A claim of the upstream's token.",
      ),
      strict({ field: text('Name of the field.') }, 'What the person typed into a field of the sign-in form.'),
    ],
    { description },
  )

const bodyCondition = strict(
  {
    json: pointer('JSON Pointer into the body of the answer.'),
    equals: Type.Optional(
      Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()], {
        description: 'The value must be this one, of the same JSON type: `0` is not `"0"`.',
      }),
    ),
    exists: Type.Optional(Type.Boolean({ description: 'The value must be there (`true`) or must not (`false`). `null` is there.' })),
  },
  'A condition on the body: `equals` or `exists`.',
)

const status = (description: string) => Type.Array(Type.Integer({ minimum: 100, maximum: 599 }), { description })

const success = (description: string) =>
  strict(
    {
      status: Type.Optional(status('Any of these. Default: any 2xx.')),
      body: Type.Optional(Type.Array(bodyCondition, { description: 'All of these must hold.' })),
    },
    description,
  )

const request = (description: string) =>
  strict(
    {
      method: Type.Optional(
        Type.Union([Type.Literal('GET'), Type.Literal('POST'), Type.Literal('PUT'), Type.Literal('PATCH'), Type.Literal('DELETE')], {
          description: 'The method.',
          default: 'POST',
        }),
      ),
      path: Type.String({ description: 'Path and query. `{username}`-style fields are percent-encoded.', pattern: '^/' }),
      headers: Type.Optional(Type.Record(Type.String(), Type.String(), { description: 'Headers to send. Fields are filled in.' })),
      json: Type.Optional(Type.Unknown({ description: 'A JSON body of any shape and depth. Fields in its strings are filled in.' })),
      form: Type.Optional(
        Type.Record(Type.String(), Type.String(), { description: 'A form body (application/x-www-form-urlencoded). Fields are filled in.' }),
      ),
    },
    description,
  )

const claims = Type.Record(Type.String(), place('Where the claim is found.'), {
  description: 'Claims to take over, each by its place. Nothing else of the answer reaches a token.',
})

const loginUpstream = strict(
  {
    kind: Type.Literal('login', { description: 'A login API, described by configuration.' }),
    title: Type.Optional(text('What the sign-in page calls it. Default: its key.')),
    origin: text('Scheme, host and port. Credentials and tokens are sent here and nowhere else.'),
    timeout: Type.Optional(duration('Bound on one whole call.', '10s')),
    maxResponse: Type.Optional(Type.Integer({ minimum: 1024, maximum: 16_777_216, description: 'Bytes of one answer; more is a failure.', default: 1_048_576 })),
    subject: Type.Optional(
      strict({ prefix: Type.Optional(text('What stands before `|` in `sub`. Default: the key of the upstream.')) }, 'How `sub` is made.'),
    ),
    login: strict(
      {
        request: request('The call that signs a person in. Fields: `{username}`, `{password}`.'),
        success: Type.Optional(success('What a sign-in looks like. A missing or empty token is a failure whatever stands here.')),
        token: place("Where the upstream's token is."),
        expiry: Type.Optional(
          Type.Object(
            {
              json: Type.Optional(pointer('JSON Pointer into the body of the answer.')),
              jwt: Type.Optional(pointer("JSON Pointer into the payload of the upstream's token; the unit is `epoch` unless said.")),
              unit: Type.Optional(
                Type.Union(
                  [
                    Type.Literal('seconds'),
                    Type.Literal('milliseconds'),
                    Type.Literal('epoch'),
                    Type.Literal('epoch-milliseconds'),
                    Type.Literal('iso'),
                  ],
                  { description: '`seconds` and `milliseconds` are lifetimes; the others are points in time.', default: 'seconds' },
                ),
              ),
            },
            { additionalProperties: false, description: "When the upstream's token ends. Without it, only the check call tells." },
          ),
        ),
        subject: place('Where the stable id of the person is. A number is taken as text.'),
        claims: Type.Optional(claims),
        refusals: Type.Optional(
          Type.Array(
            strict(
              {
                status: Type.Optional(status('Any of these. Default: any.')),
                body: Type.Optional(Type.Array(bodyCondition, { description: 'All of these must hold.' })),
                as: Type.Union(
                  [
                    Type.Literal('bad_credentials'),
                    Type.Literal('locked'),
                    Type.Literal('password_expired'),
                    Type.Literal('rate_limited'),
                    Type.Literal('second_factor'),
                    Type.Literal('unavailable'),
                  ],
                  { description: 'What it means.' },
                ),
              },
              'One refusal.',
            ),
            {
              description:
                'What refusals look like; the first that matches counts, before `success`. Unmatched: 401 and 403 are bad_credentials, 429 is rate_limited, 5xx is unavailable, anything else is a fault of the upstream.',
            },
          ),
        ),
      },
      'The login call.',
    ),
    present: Type.Optional(
      strict(
        {
          header: Type.Optional(text('Name of the header. Default: Authorization.')),
          scheme: Type.Optional(
            Type.Union([Type.String({ minLength: 1 }), Type.Null()], { description: 'What stands before the token; `null` for nothing.', default: 'Bearer' }),
          ),
        },
        'How the token is shown to the upstream.',
      ),
    ),
    check: Type.Optional(
      strict(
        {
          request: request('The call that tells whether a token is still good. The token is presented; `{token}` may be used too.'),
          success: Type.Optional(success('What a good token looks like. Default: any 2xx.')),
          subject: Type.Optional(place("Where the person's id is in this answer. Default: the place at login. A different id ends the session.")),
          claims: Type.Optional(claims),
        },
        'Asked when a session is renewed.',
      ),
    ),
    logout: Type.Optional(
      strict(
        {
          request: request('The call that ends a token.'),
          success: Type.Optional(success('What success looks like. Default: any 2xx, 401, 403 or 404.')),
        },
        'Asked when a person signs out.',
      ),
    ),
  },
  'A service that signs people in.',
)

const route = strict(
  {
    host: Type.Optional(text('Only requests for this host. Without it, any host.')),
    path: Type.String({ description: 'A prefix of whole segments: `/admin/` matches `/admin` and `/admin/x`.', pattern: '^/' }),
    exact: Type.Optional(Type.Boolean({ description: 'Match the path itself and nothing below it.', default: false })),
    ignoreCase: Type.Optional(Type.Boolean({ description: 'Match without regard to case.', default: false })),
    methods: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description: 'Only these methods. Without it, all.' })),
    access: Type.Optional(
      Type.Union([Type.Literal('public'), Type.Literal('protected')], { description: 'Whether a credential is needed.', default: 'protected' }),
    ),
    require: Type.Optional(
      Type.Record(Type.String(), Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })]), {
        description: 'For each claim named, at least one of the values must be there.',
      }),
    ),
    backend: Type.Optional(text('Origin that requests are forwarded to.')),
    stripPrefix: Type.Optional(Type.Boolean({ description: 'Take the matched prefix off the path before forwarding.', default: false })),
    credentials: Type.Optional(
      Type.Union([Type.Literal('none'), Type.Literal('upstream')], {
        description: 'What the backend is shown: nothing but identity headers, or the upstream token as well.',
        default: 'none',
      }),
    ),
    onAnonymous: Type.Optional(
      Type.Union([Type.Literal('auto'), Type.Literal('redirect'), Type.Literal('401')], {
        description: 'The answer when nobody is signed in: by client (`auto`), always the sign-in page, or always 401.',
        default: 'auto',
      }),
    ),
    slide: Type.Optional(Type.Boolean({ description: 'Whether a renewal on this route moves the idle limit.', default: true })),
    timeout: Type.Optional(duration('Bound on the wait for the backend to begin its answer.', '30s')),
    maxBody: Type.Optional(Type.String({ pattern: '^[0-9]+(B|kB|MB|GB)$', description: 'Bound on a request body. Without it, none.', examples: ['10MB'] })),
    encodedSlash: Type.Optional(
      Type.Union([Type.Literal('refuse'), Type.Literal('forward')], {
        description: 'Whether `%2f` past the matched prefix is refused or forwarded as it came.',
        default: 'refuse',
      }),
    ),
    pathParams: Type.Optional(
      Type.Union([Type.Literal('refuse'), Type.Literal('forward')], {
        description: 'Whether `;` past the matched prefix is refused or forwarded as it came.',
        default: 'refuse',
      }),
    ),
  },
  'One route. The most specific match wins.',
)

export const OptionsSchema = strict(
  {
    publicUrl: text('The origin under which browsers reach the gateway, such as `https://app.example.com`. Also the issuer (`iss`) of every token.'),
    prefix: Type.Optional(Type.String({ description: 'Path prefix of our own endpoints.', default: '/_auth', pattern: '^(/[A-Za-z0-9_-]+)+$' })),
    listen: Type.Optional(
      strict(
        {
          host: Type.Optional(text('Address to listen on. Default: 0.0.0.0.')),
          port: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535, description: 'Port to listen on; 0 takes a free one.', default: 8080 })),
          adminHost: Type.Optional(text('Address of the admin port. Default: 127.0.0.1.')),
          adminPort: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535, description: 'Port of /healthz and /readyz; 0 takes a free one.', default: 9080 })),
        },
        'Where the server listens. The plugin ignores it.',
      ),
    ),
    trustedProxies: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), { description: 'Addresses or CIDRs whose `X-Forwarded-For` is believed. Default: none.', default: [] }),
    ),
    keys: Type.Optional(
      strict(
        {
          dir: Type.Optional(text('Folder of the JWK files. Default: ./keys.')),
          publishAhead: Type.Optional(duration('How long a new key is published before it is used.', '15m')),
          maxAge: Type.Optional(duration('Age of a current key from which a warning is logged.', '90d')),
        },
        'Signing and sealing keys.',
      ),
    ),
    session: Type.Optional(
      strict(
        {
          tokenTtl: Type.Optional(duration('Life of a session token; renewed from two thirds of it.', '5m')),
          idleTimeout: Type.Optional(duration('A session not used for this long is over.', '30m')),
          absoluteTimeout: Type.Optional(duration('A session is over this long after sign-in, used or not.', '8h')),
          renewWait: Type.Optional(duration('How long a request with a still valid token waits for its renewal.', '500ms')),
          uncheckedTimeout: Type.Optional(duration('How long a session lives whose upstream has no check call.', '1h')),
          cookie: Type.Optional(
            strict(
              {
                name: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{1,40}$', description: 'Name without prefix; over https it becomes `__Host-NAME`.', default: 'postern' })),
                sameSite: Type.Optional(
                  Type.Union([Type.Literal('lax'), Type.Literal('strict')], {
                    description: 'With `strict`, a link from another site shows the sign-in page first.',
                    default: 'lax',
                  }),
                ),
              },
              'The session cookie.',
            ),
          ),
        },
        'The life of a session.',
      ),
    ),
    api: Type.Optional(
      strict(
        {
          tokenTtl: Type.Optional(duration('Life of an access token; never renewed.', '10m')),
          audience: Type.Optional(text('`aud` of access tokens. Default: the public URL. May not be the audience of session tokens.')),
        },
        'Tokens for API clients.',
      ),
    ),
    upstreams: Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }), loginUpstream, {
      description: 'The services that sign people in, by a short key.',
      minProperties: 1,
    }),
    routes: Type.Optional(Type.Array(route, { description: 'What the server forwards, and to whom it is open. The plugin ignores it.', default: [] })),
    identity: Type.Optional(
      strict(
        {
          headers: Type.Optional(
            Type.Record(Type.String(), Type.String(), { description: 'Further headers for backends, each with the claim that fills it, such as `Remote-User: sub`.' }),
          ),
        },
        'What a backend is told about the person.',
      ),
    ),
    insecure: Type.Optional(
      strict(
        {
          httpPublicUrl: Type.Optional(Type.Boolean({ description: 'Allow an http public URL on a host that is not loopback.', default: false })),
          httpUpstreams: Type.Optional(Type.Boolean({ description: 'Allow http upstreams that are not loopback: passwords cross the network in the clear.', default: false })),
        },
        'Every dangerous switch. Each one that is on is logged at every start.',
      ),
    ),
    log: Type.Optional(
      strict(
        {
          level: Type.Optional(
            Type.Union(
              [
                Type.Literal('silent'),
                Type.Literal('fatal'),
                Type.Literal('error'),
                Type.Literal('warn'),
                Type.Literal('info'),
                Type.Literal('debug'),
                Type.Literal('trace'),
              ],
              { description: 'Level of the log.', default: 'info' },
            ),
          ),
        },
        'The log.',
      ),
    ),
    shutdownTimeout: Type.Optional(duration('How long requests in flight may go on after SIGTERM.', '30s')),
  },
  'Configuration of Postern.',
)

/** The options of `createPostern`, and what `postern.yaml` holds. */
export type Options = Type.Static<typeof OptionsSchema>
