import * as Type from './type.ts'
import {
  claimPlaces,
  condition,
  cookieName,
  duration,
  flag,
  headerName,
  keys,
  map,
  origin,
  place,
  rate,
  secretText,
  strict,
  text,
} from './schema.ts'
import {
  atLogin,
  expiry,
  field,
  grantPlaces,
  grantPlacesAsAtLogin,
  laterKinds,
  refusals,
  request,
  signInKinds,
} from './upstream-parts.ts'

/* How a login API is described: `upstreams.NAME` with `kind: login`. */

const signInRefusals = refusals(
  signInKinds,
  'sign-in refusal',
  'What refusals look like; the first that matches counts, before `success`. Unmatched: 401 and 403 are bad_credentials, 429 is rate_limited, 5xx is unavailable, anything else is a fault of the service.',
  {
    everyone: Type.Optional(
      flag(
        'With `rate_limited`: the wait is for everybody, not for this account alone. For an answer that says that our address is banned.',
        false,
      ),
    ),
  },
)

const laterRefusals = refusals(
  laterKinds,
  'later refusal',
  'What other answers mean; the first that matches counts, before `success`. Unmatched: 401 and 403 are refused, and so is an answer with a right status whose content does not meet `success`; anything else is unavailable and ends nothing.',
  {},
)

const claims = claimPlaces('Claims to take over, each by its place. Nothing else of the answer reaches a token.')

const login = strict(
  {
    request: request('The call that signs a person in. Fields: `{username}`, `{password}` and those of `fields`.'),
    success: Type.Optional(
      condition(
        'What a sign-in looks like. Default: any 2xx. A missing or empty token is a failure whatever stands here.',
      ),
    ),
    token: Type.Optional(place("Where the service's token is. Needed here or in `secondStep`.")),
    ...grantPlaces(),
    subject: Type.Optional(
      place('Where the stable id of the person is; a number is taken as text. Needed here or in `profile`.'),
    ),
    claims: Type.Optional(claims),
    refusals: Type.Optional(signInRefusals),
  },
  'The login call.',
)

const secondStep = strict(
  {
    when: Type.Optional(
      condition(
        'What the first answer looks like when a second step is due. Without it, every success of the login call.',
      ),
    ),
    fields: Type.Optional(
      Type.Array(field, {
        description: 'What the person is asked for. Without it, the second request follows at once.',
      }),
    ),
    carry: Type.Optional(
      map(
        keys.variable,
        place('Where the value is in the first answer.'),
        'Values of the first answer that the second request may use as `{name}`.',
      ),
    ),
    request: request(
      'The second request. Fields: those of the first, those asked for here, and `carry`; passwords of the first only where nothing is asked for here.',
    ),
    success: Type.Optional(condition('What a sign-in looks like. Default: any 2xx.')),
    token: Type.Optional(place(`Where the service's token is. ${atLogin}`)),
    ...grantPlacesAsAtLogin,
    subject: Type.Optional(place(`Where the stable id of the person is. ${atLogin}`)),
    claims: Type.Optional(claimPlaces(`Claims to take over, each by its place. ${atLogin}`)),
    refusals: Type.Optional(signInRefusals),
  },
  'A second request before there is a token.',
)

const profile = strict(
  {
    request: request('The call that tells who a token belongs to. The token is presented; `{token}` may be used too.'),
    success: Type.Optional(condition('What the answer to a good token looks like. Default: any 2xx.')),
    subject: Type.Optional(place('Where the stable id of the person is.')),
    claims: Type.Optional(claims),
    expiry: Type.Optional(expiry("When the service's token ends. Default: what the login answer tells.")),
    refusals: Type.Optional(laterRefusals),
  },
  'Asked once after sign-in, where the login answer does not say who it is. Without a check call, it is that too.',
)

const check = strict(
  {
    request: request(
      'The call that tells whether a token is still good. The token is presented; `{token}` may be used too.',
    ),
    success: Type.Optional(condition('What a good token looks like. Default: any 2xx.')),
    refusals: Type.Optional(laterRefusals),
    subject: Type.Optional(
      place(
        "Where the person's id is in this answer. Default: the place at login, where the answer has it. A different id ends the session.",
      ),
    ),
    claims: Type.Optional(
      claimPlaces(
        'Claims to read again; one that the answer leaves out is then no longer so. Default: the places at login, where one that is left out stays as it was.',
      ),
    ),
    expiry: Type.Optional(
      expiry(
        "When the service's token ends, read again at each check, for a token that lives longer the more it is used; where the answer does not say, the end stays as it was. A `lifetime` counts from the check.",
      ),
    ),
  },
  'Asked when a session is renewed.',
)

const refresh = strict(
  {
    request: request('The call that trades `{refreshToken}`, or where there is none `{token}`, for a new token.'),
    success: Type.Optional(condition('What success looks like. Default: any 2xx.')),
    token: Type.Optional(place(`Where the new token is. ${atLogin}`)),
    ...grantPlacesAsAtLogin,
    subject: Type.Optional(
      place(
        "Where the person's id is in this answer. Default: the place at login, where the answer or the new token has it. A different id ends the session.",
      ),
    ),
    claims: Type.Optional(
      claimPlaces(
        'Claims to read again; one that the answer leaves out is then no longer so. Default: the places at login, where one that is left out stays as it was.',
      ),
    ),
    refusals: Type.Optional(laterRefusals),
    concurrent: Type.Optional(
      flag('Whether the service lets several processes use the same refresh token at once.', false),
    ),
  },
  'Asked when the token ends or is refused.',
)

const logout = strict(
  {
    request: request('The call that ends a token.'),
    success: Type.Optional(
      condition('What success looks like. Default: any 2xx, and 400, 401, 403 and 404, which mean that it had ended.'),
    ),
    endsToken: Type.Optional(
      flag('Whether the token is known to stop working afterwards. `false` is warned about at every start.'),
    ),
  },
  'Asked when a person signs out.',
)

const present = strict(
  {
    header: Type.Optional(headerName('Name of the header.', 'Authorization')),
    scheme: Type.Optional(
      Type.Union([Type.String({ minLength: 1 }), Type.Null()], {
        description: 'What stands before the token; `null` for nothing.',
        default: 'Bearer',
      }),
    ),
    cookie: Type.Optional(cookieName('Name of the cookie that carries the token, instead of a header.')),
    cookies: Type.Optional(flag('The token is a bundle of cookies: send it as it is.', false)),
    basic: Type.Optional(
      strict(
        {
          username: text('User name. Fields: `{subject}`, `{token}` and the names of `values`.'),
          password: text('Password. Fields as in the user name.'),
        },
        'HTTP Basic (RFC 7617) made of the token and of who it belongs to.',
      ),
    ),
    none: Type.Optional(flag('Present it nowhere: only where a request says `{token}`.', false)),
    headers: Type.Optional(
      map(
        keys.header,
        secretText(
          'Text, or `{ file: PATH }` or `{ env: NAME }` for a secret. Fields: `{subject}`, `{token}` and the names of `values`.',
        ),
        'Further headers on every call that carries the token. The refresh call has those without fields.',
      ),
    ),
  },
  'How the token is shown to the service.',
)

export const loginUpstream = strict(
  {
    kind: Type.Literal('login', { description: 'A login API, described by configuration.' }),
    title: Type.Optional(text('What the sign-in page calls it. Default: its key.')),
    origin: origin('Scheme, host and port. Credentials and tokens are sent here and nowhere else.'),
    timeout: Type.Optional(duration('Bound on one whole call.', '10s')),
    maxResponse: Type.Optional(
      Type.Integer({
        minimum: 1024,
        maximum: 16_777_216,
        description: 'Bytes of one answer; more is a failure.',
        default: 1_048_576,
      }),
    ),
    maxFailures: Type.Optional(
      rate(
        'Failed sign-ins here of all accounts and addresses together, such as 20/1m. Beyond it nobody is signed in here for a while, whoever it was that failed. For a service that bans our address. Default: no bound.',
      ),
    ),
    subject: Type.Optional(
      strict(
        { prefix: Type.Optional(text('What stands before `|` in `sub`. Default: the key of the upstream.')) },
        'How `sub` is made.',
      ),
    ),
    fields: Type.Optional(
      Type.Array(field, {
        minItems: 1,
        description: 'What the sign-in form asks for. Default: `username` and `password`.',
      }),
    ),
    links: Type.Optional(
      strict(
        {
          forgotPassword: Type.Optional(text('Where a person goes who has forgotten the password.')),
          register: Type.Optional(text('Where a person without an account gets one.')),
        },
        'Addresses elsewhere, https or on this machine, that stand below the form.',
      ),
    ),
    secrets: Type.Optional(
      map(
        keys.variable,
        secretText('`{ file: PATH }` or `{ env: NAME }`, or the text itself.'),
        'Secrets of ours that every request to this upstream may use as `{name}`, such as the secret of a client. They reach no token, no cookie and no log.',
      ),
    ),
    login,
    secondStep: Type.Optional(secondStep),
    profile: Type.Optional(profile),
    present: Type.Optional(present),
    check: Type.Optional(check),
    refresh: Type.Optional(refresh),
    logout: Type.Optional(logout),
  },
  'A service that signs people in.',
)

/** An upstream as it is written, before `parse`. */
export type LoginUpstreamOptions = Type.Static<typeof loginUpstream>
