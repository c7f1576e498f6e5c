import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf, minimal, minimalUpstream, withLogin, withUpstream } from './samples.ts'

/** Each configuration has one slip, and each slip is one fault. */
const slips: readonly (readonly [behaviour: string, options: unknown, fault: RegExp])[] = [
  [
    'CF-01 an unknown key is named with the key that was probably meant',
    { ...minimal, sesion: {} },
    /^sesion: is not known here; did you mean `session`\?$/,
  ],
  [
    'CF-01 another spelling of a key is recognised',
    { ...minimal, session: { token_ttl: '5m' } },
    /^session\.token_ttl: .* did you mean `tokenTtl`\?$/,
  ],
  [
    'CF-01 an unknown key that is like none comes with those that are known',
    { ...minimal, log: { colour: true } },
    /^log\.colour: is not known here; known are `level`$/,
  ],
  [
    'a slip in a key that is needed is one fault',
    { publicURL: minimal.publicUrl, upstreams: minimal.upstreams },
    /^publicURL: is not known here; did you mean `publicUrl`\?$/,
  ],
  [
    'the wait for requests in flight has an end that an operator can see',
    { ...minimal, shutdownTimeout: '61m' },
    /^shutdownTimeout: must be at most 1h$/,
  ],
  ['CF-02 the public URL is needed', { upstreams: minimal.upstreams }, /^publicUrl: is missing/],
  [
    'CF-02 the public URL is an origin, not a page',
    { ...minimal, publicUrl: 'https://app.example.com/app' },
    /^publicUrl: must be an origin/,
  ],
  [
    'CF-02 the public URL has no user name',
    { ...minimal, publicUrl: 'https://user:pass@app.example.com' },
    /^publicUrl: must be an origin/,
  ],
  [
    'CF-02 the public URL is https beyond loopback',
    { ...minimal, publicUrl: 'http://app.example.com' },
    /^publicUrl: must begin with https:.*insecure\.httpPublicUrl: true$/,
  ],
  [
    'CF-02 a name that only begins like localhost is not loopback',
    { ...minimal, publicUrl: 'http://localhost.example.com' },
    /^publicUrl: must begin with https:/,
  ],
  ['an upstream is needed', { ...minimal, upstreams: {} }, /^upstreams: must have at least one entry$/],
  [
    'the key of an upstream is lower case',
    { ...minimal, upstreams: { Accounts: minimalUpstream } },
    /^upstreams\.Accounts: the key of an upstream begins with a lower-case letter/,
  ],
  [
    'an empty key says what to do',
    { ...minimal, session: null },
    /^session: is empty; give it a value or take the key out$/,
  ],
  [
    'a number where a duration is due',
    { ...minimal, session: { tokenTtl: 300 } },
    /^session\.tokenTtl: must be a duration such as/,
  ],
  [
    'a duration without a unit',
    { ...minimal, session: { idleTimeout: '30' } },
    /^session\.idleTimeout: must be a duration such as/,
  ],
  [
    'a rate without a time',
    { ...minimal, rateLimit: { login: { perAddress: '30' } } },
    /^rateLimit\.login\.perAddress: must be a rate such as/,
  ],
  [
    'a rate per no time at all',
    { ...minimal, rateLimit: { login: { perAddress: '30/0s' } } },
    /^rateLimit\.login\.perAddress: must name a time/,
  ],
  [
    'a port that is none',
    { ...minimal, listen: { port: 80_000 } },
    /^listen\.port: must be a whole number from 0 to 65535$/,
  ],
  [
    'a level that is none, with the one that was meant',
    { ...minimal, log: { level: 'wran' } },
    /^log\.level: must be .* or `trace`; did you mean `warn`\?$/,
  ],
  [
    'CF-01 a token outlives the idle limit',
    { ...minimal, session: { tokenTtl: '1h' } },
    /^session\.tokenTtl: must be at most `idleTimeout`, which is 30m$/,
  ],
  [
    'CF-01 the idle limit outlives the absolute one',
    { ...minimal, session: { idleTimeout: '9h' } },
    /^session\.idleTimeout: must be at most `absoluteTimeout`, which is 8h$/,
  ],
  ['a token without a life', { ...minimal, session: { tokenTtl: '0s' } }, /^session\.tokenTtl: must be at least 1s/],
  [
    'an access token that no verifier would take',
    { ...minimal, api: { tokenTtl: '25h' } },
    /^api\.tokenTtl: must be at most 1d/,
  ],
  [
    'the audience of access tokens is not that of session tokens',
    { ...minimal, api: { audience: 'https://app.example.com/_auth' } },
    /^api\.audience: is the audience of session tokens/,
  ],
  [
    'the prefix has no final slash',
    { ...minimal, prefix: '/_auth/' },
    /^prefix: must be a path .*without a final slash$/,
  ],
  [
    'a cookie name brings no prefix of its own',
    { ...minimal, session: { cookie: { name: '__Host-postern;' } } },
    /^session\.cookie\.name: must be 1 to 40 letters/,
  ],
  [
    'a former cookie name is another one',
    { ...minimal, session: { cookie: { formerNames: ['postern'] } } },
    /^session\.cookie\.formerNames\[0\]: is the name that the cookie has now/,
  ],
  [
    'a former cookie name is not that of the tombstone',
    { ...minimal, session: { cookie: { formerNames: ['postern-out'] } } },
    /^session\.cookie\.formerNames\[0\]: is the name of another cookie/,
  ],
  [
    'CF-06 a number of hops is refused',
    { ...minimal, trustedProxies: 1 },
    /^trustedProxies: .*hop counts are not supported/,
  ],
  [
    'CF-06 a number of hops in a list is refused',
    { ...minimal, trustedProxies: [1] },
    /^trustedProxies\[0\]: .*hop counts are not supported/,
  ],
  [
    'CF-06 a number of hops in quotes is refused',
    { ...minimal, trustedProxies: ['1'] },
    /^trustedProxies\[0\]: hop counts are not supported/,
  ],
  [
    'CF-06 trusting everyone is refused',
    { ...minimal, trustedProxies: true },
    /^trustedProxies: .*hop counts are not supported/,
  ],
  [
    'CF-06 a name is no proxy',
    { ...minimal, trustedProxies: ['loopback'] },
    /^trustedProxies\[0\]: must be an address or a CIDR/,
  ],
  [
    'CF-06 a CIDR has a length that fits',
    { ...minimal, trustedProxies: ['10.0.0.0/33'] },
    /^trustedProxies\[0\]: must be an address or a CIDR/,
  ],

  [
    'a service is an origin',
    withUpstream({ origin: 'https://accounts.example.com/api' }),
    /^upstreams\.accounts\.origin: must be an origin/,
  ],
  [
    'a service is https beyond loopback',
    withUpstream({ origin: 'http://accounts.example.com' }),
    /^upstreams\.accounts\.origin: must begin with https:.*insecure\.httpUpstreams: true$/,
  ],
  [
    'TM-05 a subject prefix does not hold what ends it',
    withUpstream({ subject: { prefix: 'a|b' } }),
    /^upstreams\.accounts\.subject\.prefix: may not hold `\|`/,
  ],
  [
    'TM-05 two upstreams do not share a subject prefix',
    {
      ...minimal,
      upstreams: { accounts: minimalUpstream, members: { ...minimalUpstream, subject: { prefix: 'accounts' } } },
    },
    /^upstreams\.members\.subject\.prefix: is the same as that of `accounts`/,
  ],
  [
    'TM-06 a claim of ours cannot be mapped',
    withLogin({ claims: { sub: { json: '/id' } } }),
    /^upstreams\.accounts\.login\.claims\.sub: this claim is said by the gateway itself/,
  ],
  [
    'TM-06 the time of a token cannot be mapped',
    withLogin({ claims: { exp: { json: '/exp' } } }),
    /^upstreams\.accounts\.login\.claims\.exp: this claim is said by the gateway itself/,
  ],
  [
    'TM-06 a claim cannot be a prototype',
    withLogin({ claims: JSON.parse('{"__proto__":{"json":"/id"}}') }),
    /^upstreams\.accounts\.login\.claims\.__proto__: the name of a claim begins with a letter/,
  ],
  [
    'TM-06 a claim cannot be a member of every object',
    withLogin({ claims: { constructor: { json: '/id' } } }),
    /^upstreams\.accounts\.login\.claims\.constructor: this name means something else/,
  ],
  [
    'a token has to be somewhere',
    withLogin({ token: undefined }),
    /^upstreams\.accounts\.login\.token: is missing.* or in `secondStep`, such as \{ json: \/token \}$/,
  ],
  [
    'a person has to have an id',
    withLogin({ subject: undefined }),
    /^upstreams\.accounts\.login\.subject: is missing.* or in `profile`, such as \{ json: \/user\/id \}$/,
  ],
  [
    'a token is not found inside itself',
    withLogin({ token: { jwt: '/token' } }),
    /^upstreams\.accounts\.login\.token\.jwt: there is no token to look into/,
  ],
  [
    'a place that is none is one fault, not seven',
    withLogin({ token: { jsn: '/token' } }),
    /^upstreams\.accounts\.login\.token: must be \{ json \} or .* \{ text \}; did you mean `json`\?$/,
  ],
  [
    'a place in two ways is one fault',
    withLogin({ token: { json: '/token', cookie: 'sid' } }),
    /^upstreams\.accounts\.login\.token: must be \{ json \} or/,
  ],
  [
    'a pointer begins with a slash',
    withLogin({ token: { json: 'token' } }),
    /^upstreams\.accounts\.login\.token\.json: must be a JSON Pointer/,
  ],
  [
    'a pointer has no half escapes',
    withLogin({ token: { json: '/a~b' } }),
    /^upstreams\.accounts\.login\.token\.json: must be a JSON Pointer/,
  ],
  [
    'a field that was never asked for is no place',
    withLogin({ subject: { field: 'user' } }),
    /^upstreams\.accounts\.login\.subject\.field: names none of the fields/,
  ],
  [
    'a password is no place',
    withLogin({ subject: { field: 'password' } }),
    /^upstreams\.accounts\.login\.subject\.field: names none of the fields/,
  ],
  [
    'nothing is typed into a check',
    withUpstream({ check: { request: { path: '/me' }, subject: { field: 'username' } } }),
    /^upstreams\.accounts\.check\.subject\.field: nothing is typed at this point/,
  ],
  [
    'an expiry has one place',
    withLogin({ expiry: { json: '/a', header: 'X-Ends' } }),
    /^upstreams\.accounts\.login\.expiry: must have exactly one of `json`, `jwt` and `header`$/,
  ],
  [
    'an expiry has a place at all',
    withLogin({ expiry: { unit: 'epoch' } }),
    /^upstreams\.accounts\.login\.expiry: must have exactly one of/,
  ],
  [
    'a point in time counts from no base',
    withLogin({ expiry: { json: '/a', unit: 'iso', base: { json: '/b' } } }),
    /^upstreams\.accounts\.login\.expiry\.base: only a lifetime counts from a base/,
  ],
  [
    'an expiry that is no word of ours is one fault',
    withLogin({ expiry: 'nver' }),
    /^upstreams\.accounts\.login\.expiry: must be `never` or/,
  ],
  [
    'a template names the fields that there are',
    withLogin({ request: { path: '/login', json: { u: '{usrname}', p: '{password}' } } }),
    /^upstreams\.accounts\.login\.request\.json\.u: uses `\{usrname\}`.*did you mean `\{username\}`\?.*`\{username\}` and `\{password\}`$/,
  ],
  [
    'a template knows no token before there is one',
    withLogin({ request: { path: '/login', form: { u: '{username}', p: '{password}', t: '{token}' } } }),
    /^upstreams\.accounts\.login\.request\.form\.t: uses a field that nothing defines; known here are `\{username\}` and `\{password\}`$/,
  ],
  [
    'a template knows no refresh token where there is none',
    withUpstream({ logout: { request: { path: '/logout', json: { r: '{refreshToken}' } } } }),
    /^upstreams\.accounts\.logout\.request\.json\.r: uses a field that nothing defines; known here are `\{token\}` and `\{subject\}`$/,
  ],
  [
    'a password that is asked for is sent',
    withLogin({ request: { path: '/login', json: { u: '{username}' } } }),
    /^upstreams\.accounts\.login\.request: sends `\{password\}` nowhere/,
  ],
  [
    'a request has one body',
    withLogin({ request: { path: '/login', json: { u: '{username}', p: '{password}' }, form: { a: 'b' } } }),
    /^upstreams\.accounts\.login\.request: must have one body: `json` or `form`$/,
  ],
  [
    'a GET request has no body',
    withUpstream({ check: { request: { method: 'GET', path: '/me', json: {} } } }),
    /^upstreams\.accounts\.check\.request: a GET request has no body/,
  ],
  [
    'a path is one that a URL parser leaves alone',
    withUpstream({ check: { request: { path: '/me#top' } } }),
    /^upstreams\.accounts\.check\.request\.path: may hold the characters of a path/,
  ],
  [
    'a path has no dot segments',
    withUpstream({ check: { request: { path: '/api/../me' } } }),
    /^upstreams\.accounts\.check\.request\.path: may not have the segments/,
  ],
  [
    'the name of a header is a token',
    withUpstream({ check: { request: { path: '/me', headers: { 'X Y': 'a' } } } }),
    /^upstreams\.accounts\.check\.request\.headers\["X Y"\]: this is not the name of an HTTP header$/,
  ],
  [
    'a header has one spelling',
    withUpstream({ check: { request: { path: '/me', headers: { 'X-Y': 'a', 'x-y': 'b' } } } }),
    /^upstreams\.accounts\.check\.request\.headers\.x-y: is the same header as `X-Y`/,
  ],
  [
    'a header is one line',
    withUpstream({ check: { request: { path: '/me', headers: { 'X-Y': 'a\r\nHost: b' } } } }),
    /^upstreams\.accounts\.check\.request\.headers\.X-Y: must be a header value/,
  ],
  [
    'the host is not a header to set',
    withUpstream({ check: { request: { path: '/me', headers: { Host: 'b' } } } }),
    /^upstreams\.accounts\.check\.request\.headers\.Host: this header belongs to the connection/,
  ],
  [
    'the content type is said in one place',
    withUpstream({ check: { request: { path: '/me', headers: { 'Content-Type': 'text/plain' } } } }),
    /^upstreams\.accounts\.check\.request\.headers\.Content-Type: say it by `contentType`/,
  ],
  [
    'Basic and an Authorization header are one too many',
    withUpstream({
      check: { request: { path: '/me', basic: { username: 'a', password: 'b' }, headers: { Authorization: 'x' } } },
    }),
    /^upstreams\.accounts\.check\.request\.headers\.Authorization: `basic` makes this header/,
  ],
  [
    'a token in a cookie and a Cookie header are one too many',
    withUpstream({ present: { cookie: 'sid' }, check: { request: { path: '/me', headers: { Cookie: 'a=b' } } } }),
    /^upstreams\.accounts\.check\.request\.headers\.Cookie: `present` makes this header/,
  ],
  [
    'a condition on the body tests something',
    withLogin({ success: { body: [{ json: '/ok' }] } }),
    /^upstreams\.accounts\.login\.success\.body\[0\]: must have exactly one of `equals` and `exists`$/,
  ],
  [
    'a condition on the body tests one thing',
    withLogin({ success: { body: [{ json: '/ok', equals: null, exists: true }] } }),
    /^upstreams\.accounts\.login\.success\.body\[0\]: must have exactly one of/,
  ],
  [
    'a condition on the text tests one thing',
    withLogin({ success: { text: {} } }),
    /^upstreams\.accounts\.login\.success\.text: must have exactly one of `equals` and `contains`$/,
  ],
  [
    'a refusal that holds for every answer would refuse everyone',
    withLogin({ refusals: [{ as: 'locked' }] }),
    /^upstreams\.accounts\.login\.refusals\[0\]: holds for every answer/,
  ],
  [
    'a refusal of a kind that is none',
    withLogin({ refusals: [{ status: [401], as: 'wrong' }] }),
    /^upstreams\.accounts\.login\.refusals\[0\]\.as: must be `bad_credentials`, .* or `unavailable`$/,
  ],
  [
    'a second step that is always due needs no condition',
    withUpstream({ secondStep: { when: {}, request: { path: '/two' } } }),
    /^upstreams\.accounts\.secondStep\.when: holds for every answer/,
  ],
  [
    'a second step does not ask for the same field again',
    withUpstream({ secondStep: { fields: [{ name: 'username', label: 'Again' }], request: { path: '/{username}' } } }),
    /^upstreams\.accounts\.secondStep\.fields\[0\]\.name: this name is used twice/,
  ],
  [
    'a password does not wait for a second step',
    withUpstream({
      secondStep: {
        fields: [{ name: 'code', label: 'Code' }],
        request: { path: '/two', json: { p: '{password}', c: '{code}' } },
      },
    }),
    /^upstreams\.accounts\.secondStep\.request\.json\.p: uses a field that nothing defines/,
  ],
  [
    'a field may not be called like a token',
    withUpstream({
      fields: [{ name: 'token', label: 'T' }],
      login: { ...minimalUpstream.login, request: { path: '/{token}' } },
    }),
    /^upstreams\.accounts\.fields\[0\]\.name: this name has a meaning of its own/,
  ],
  [
    'a token is shown in one way',
    withUpstream({ present: { cookie: 'sid', scheme: 'Token' } }),
    /^upstreams\.accounts\.present: must show the token in one way; keep one of `header` and `cookie`$/,
  ],
  [
    'a token is not shown by HTTP Basic and otherwise',
    withUpstream({ present: { scheme: 'Token', basic: { username: '{subject}', password: '{token}' } } }),
    /^upstreams\.accounts\.present: must show the token in one way; keep one of `header` and `basic`$/,
  ],
  [
    'HTTP Basic that shows a token has the token in it',
    withUpstream({ present: { basic: { username: '{subject}', password: 'x' } } }),
    /^upstreams\.accounts\.present\.basic: shows the token nowhere/,
  ],
  [
    'HTTP Basic that shows a token knows no password',
    withUpstream({ present: { basic: { username: '{subject}', password: '{token}{password}' } } }),
    /^upstreams\.accounts\.present\.basic\.password: uses a field that nothing defines; known here are `\{subject\}` and `\{token\}`$/,
  ],
  [
    'HTTP Basic that shows a token knows no secrets, which a backend would be shown too',
    withUpstream({ secrets: { key: 'k' }, present: { basic: { username: '{key}', password: '{token}' } } }),
    /^upstreams\.accounts\.present\.basic\.username: uses a field that nothing defines/,
  ],
  [
    'HTTP Basic that shows a token has two parts',
    withUpstream({ present: { basic: { password: '{token}' } } }),
    /^upstreams\.accounts\.present\.basic\.username: is missing/,
  ],
  [
    'HTTP Basic that shows a token makes the Authorization header',
    withUpstream({
      present: { basic: { username: '{subject}', password: '{token}' }, headers: { authorization: 'x' } },
    }),
    /^upstreams\.accounts\.present\.headers\.authorization: this header carries the token$/,
  ],
  [
    'a subject that only the profile tells cannot be shown to it',
    withUpstream({
      login: { ...minimalUpstream.login, subject: undefined },
      profile: { request: { path: '/me' }, subject: { json: '/id' } },
      present: { basic: { username: '{subject}', password: '{token}' } },
    }),
    /^upstreams\.accounts\.present\.basic: uses `\{subject\}`, which the profile call is still to tell/,
  ],
  [
    'a bundle of cookies is not shown by HTTP Basic',
    withUpstream({
      login: { ...minimalUpstream.login, token: { cookies: ['a', 'b'] } },
      present: { basic: { username: '{subject}', password: '{token}' } },
    }),
    /^upstreams\.accounts\.present: the token is a bundle of cookies/,
  ],
  [
    'a secret is not called like a field',
    withUpstream({ secrets: { password: 'x' } }),
    /^upstreams\.accounts\.secrets\.password: this name is used twice/,
  ],
  [
    'a secret is not called like a field of the second step',
    withUpstream({
      secrets: { code: 'x' },
      secondStep: { fields: [{ name: 'code', label: 'Code' }], request: { path: '/{code}' } },
    }),
    /^upstreams\.accounts\.secrets\.code: this name is used twice/,
  ],
  [
    'a secret is not called like a value',
    withUpstream({ secrets: { team: 'x' }, login: { ...minimalUpstream.login, values: { team: { json: '/t' } } } }),
    /^upstreams\.accounts\.secrets\.team: this name is used twice/,
  ],
  [
    'a secret is not called like what is carried',
    withUpstream({
      secrets: { flow: 'x' },
      secondStep: { carry: { flow: { json: '/f' } }, request: { path: '/two' } },
    }),
    /^upstreams\.accounts\.secrets\.flow: this name is used twice/,
  ],
  ...['token', 'refreshToken', 'subject'].map(
    (name) =>
      [
        `a secret is not called ${name}`,
        withUpstream({ secrets: { [name]: 'x' } }),
        new RegExp(`^upstreams\\.accounts\\.secrets\\.${name}: this name has a meaning of its own`),
      ] as const,
  ),
  [
    'the name of a secret can stand in braces',
    withUpstream({ secrets: { 'app-key': 'x' } }),
    /^upstreams\.accounts\.secrets\.app-key: a name for `\{name\}` begins with a lower-case letter/,
  ],
  [
    'a secret is not empty',
    withUpstream({ secrets: { key: '' } }),
    /^upstreams\.accounts\.secrets\.key: must not be empty$/,
  ],
  [
    'a secret is there',
    withUpstream({ secrets: { key: { file: './app.key' } } }),
    /^upstreams\.accounts\.secrets\.key\.file: this file cannot be read; is it there/,
  ],
  [
    'a secret that no header can carry is told before the first call, and not shown',
    withUpstream({ secrets: { key: 'hunter\n2' }, check: { request: { path: '/', headers: { 'X-Key': 'k {key}' } } } }),
    /^upstreams\.accounts\.check\.request\.headers\.X-Key: cannot carry the secret `\{key\}`: it has characters that do not fit here$/,
  ],
  [
    'a secret with a colon is no user name of HTTP Basic',
    withUpstream({
      secrets: { app: 'a:b' },
      check: { request: { path: '/', basic: { username: '{app}', password: '{app}' } } },
    }),
    /^upstreams\.accounts\.check\.request\.basic\.username: cannot carry the secret `\{app\}`/,
  ],
  [
    'a misspelled secret is named with the one that was meant',
    withUpstream({ secrets: { appSecret: 'x' }, check: { request: { path: '/?k={appSecrte}' } } }),
    /^upstreams\.accounts\.check\.request\.path: uses `\{appSecrte\}`, which nothing defines; did you mean `\{appSecret\}`\?/,
  ],
  [
    'a secret is no place',
    withUpstream({ secrets: { key: 'x' }, login: { ...minimalUpstream.login, claims: { k: { field: 'key' } } } }),
    /^upstreams\.accounts\.login\.claims\.k\.field: names none of the fields/,
  ],
  ...['upstream', 'return_to', 'transaction', 'response'].flatMap((name) => [
    [
      `a field is not called ${name}, which the form has already`,
      withUpstream({
        fields: [{ name, label: 'X' }],
        login: { ...minimalUpstream.login, request: { path: `/{${name}}` } },
      }),
      /^upstreams\.accounts\.fields\[0\]\.name: the sign-in form has something of its own by this name/,
    ] as const,
    [
      `a field of a second step is not called ${name}, which the form has already`,
      withUpstream({ secondStep: { fields: [{ name, label: 'X' }], request: { path: `/{${name}}` } } }),
      /^upstreams\.accounts\.secondStep\.fields\[0\]\.name: the sign-in form has something of its own by this name/,
    ] as const,
  ]),
  [
    'failures of everybody are bounded by a rate',
    withUpstream({ maxFailures: '20' }),
    /^upstreams\.accounts\.maxFailures: must be a rate such as/,
  ],
  [
    'failures of everybody are bounded in some time',
    withUpstream({ maxFailures: '20/0m' }),
    /^upstreams\.accounts\.maxFailures: must name a time/,
  ],
  [
    'a refusal of credentials is not a matter of waiting',
    withLogin({ refusals: [{ status: [401], as: 'bad_credentials', retryAfter: '10m' }] }),
    /^upstreams\.accounts\.login\.refusals\[0\]\.retryAfter: waiting does not make this refusal another one/,
  ],
  [
    'a refusal of a token is not a matter of waiting',
    withUpstream({
      check: { request: { path: '/me' }, refusals: [{ status: [400], as: 'refused', retryAfter: '1m' }] },
    }),
    /^upstreams\.accounts\.check\.refusals\[0\]\.retryAfter: waiting does not make this refusal another one/,
  ],
  ...['bad_credentials', 'locked', 'password_expired', 'unavailable'].map(
    (as) =>
      [
        `a refusal that is ${as} makes nobody else wait`,
        withLogin({ refusals: [{ status: [403], as, everyone: true }] }),
        /^upstreams\.accounts\.login\.refusals\[0\]\.everyone: is for `rate_limited` only/,
      ] as const,
  ),
  [
    'a refusal of a token makes nobody else wait',
    withUpstream({
      check: { request: { path: '/me' }, refusals: [{ status: [400], as: 'unavailable', everyone: true }] },
    }),
    /^upstreams\.accounts\.check\.refusals\[0\]\.everyone: is not known here/,
  ],
  [
    'nobody waits longer than for what a service says itself',
    withLogin({ refusals: [{ status: [500], as: 'unavailable', retryAfter: '2h' }] }),
    /^upstreams\.accounts\.login\.refusals\[0\]\.retryAfter: must be at most 1h$/,
  ],
  [
    'a time to wait has a unit',
    withLogin({ refusals: [{ status: [500], as: 'rate_limited', retryAfter: 600 }] }),
    /^upstreams\.accounts\.login\.refusals\[0\]\.retryAfter: must be a duration such as/,
  ],
  [
    'a profile call refuses a token, not credentials',
    withUpstream({ profile: { request: { path: '/me' }, refusals: [{ status: [404], as: 'locked' }] } }),
    /^upstreams\.accounts\.profile\.refusals\[0\]\.as: must be `refused` or `unavailable`$/,
  ],
  [
    'a refusal of a profile call is told by something',
    withUpstream({ profile: { request: { path: '/me' }, refusals: [{ as: 'refused' }] } }),
    /^upstreams\.accounts\.profile\.refusals\[0\]: holds for every answer/,
  ],
  ...(
    [
      ['the text', { text: { contains: 'welcome {username}' } }, 'text\\.contains'],
      ['the whole text', { text: { equals: '{username}' } }, 'text\\.equals'],
      ['the body', { body: [{ json: '/user', equals: '{username}' }] }, 'body\\[0\\]\\.equals'],
      ['a pointer', { body: [{ json: '/users/{username}/id', exists: true }] }, 'body\\[0\\]\\.json'],
      ['a header', { headers: [{ name: 'X-User', equals: '{username}' }] }, 'headers\\[0\\]\\.equals'],
      ['a cookie', { cookies: [{ name: 'user', equals: '{username}' }] }, 'cookies\\[0\\]\\.equals'],
    ] as const
  ).map(
    ([what, success, path]) =>
      [
        `a condition on ${what} takes no fields`,
        withLogin({ success }),
        new RegExp(`^upstreams\\.accounts\\.login\\.success\\.${path}: fields are not filled in here`),
      ] as const,
  ),
  [
    'a refusal takes no fields',
    withUpstream({
      check: { request: { path: '/me' }, refusals: [{ text: { equals: '{token}' }, as: 'refused' }] },
    }),
    /^upstreams\.accounts\.check\.refusals\[0\]\.text\.equals: fields are not filled in here/,
  ],
  [
    'a second step is told without fields',
    withUpstream({ secondStep: { when: { text: { contains: '{username}' } }, request: { path: '/two' } } }),
    /^upstreams\.accounts\.secondStep\.when\.text\.contains: fields are not filled in here/,
  ],
  [
    'a bundle of cookies is shown as one',
    withLogin({ token: { cookies: ['a', 'b'] } }),
    /^upstreams\.accounts\.present: the token is a bundle of cookies; say \{ cookies: true \}$/,
  ],
  [
    'what is no bundle of cookies is not shown as one',
    withUpstream({ present: { cookies: true } }),
    /^upstreams\.accounts\.present\.cookies: the token is no bundle of cookies/,
  ],
  [
    'what is taken of each member of a list is a claim',
    withLogin({ token: { json: '/token', each: '/name' } }),
    /^upstreams\.accounts\.login\.token\.each: is not known here; known are `json`$/,
  ],
  [
    'what is split is a claim',
    withLogin({ values: { tenants: { header: 'X-Tenants', split: ',' } } }),
    /^upstreams\.accounts\.login\.values\.tenants\.split: is not known here; known are `header` and `scheme`$/,
  ],
  [
    'what was typed is no list',
    withLogin({ claims: { name: { field: 'username', split: ',' } } }),
    /^upstreams\.accounts\.login\.claims\.name: must be /,
  ],
  [
    'a list and one text are two things',
    withLogin({ claims: { roles: { json: '/roles', each: '/name', split: ',' } } }),
    /^upstreams\.accounts\.login\.claims\.roles: `each` is for a list and `split` for one text; keep one of them$/,
  ],
  [
    'a check takes no end back',
    withUpstream({ check: { request: { path: '/me' }, expiry: 'never' } }),
    /^upstreams\.accounts\.check\.expiry: takes no end back that the sign-in told/,
  ],
  [
    'what was typed is shown once',
    withUpstream({ present: { headers: { 'X-Y': '{username}' } } }),
    /^upstreams\.accounts\.present\.headers\.X-Y: uses a field that nothing defines; known here are `\{subject\}` and `\{token\}`$/,
  ],
  [
    'a header beside the token waits for no profile call',
    withUpstream({
      login: { ...minimalUpstream.login, subject: undefined },
      profile: { request: { method: 'GET', path: '/me' }, subject: { json: '/id' } },
      present: { headers: { 'X-Y': '{subject}' } },
    }),
    /^upstreams\.accounts\.present\.headers\.X-Y: uses `\{subject\}`, which the profile call is still to tell/,
  ],
  [
    'a refresh call needs a refresh token',
    withUpstream({ refresh: { request: { path: '/refresh' } } }),
    /^upstreams\.accounts\.refresh: there is no refresh token to trade; .* trade the token itself: put `\{token\}` into `request`$/,
  ],
  [
    'a refresh call that sends a refresh token needs its place, and that is one fault',
    withUpstream({ refresh: { request: { path: '/refresh', json: '{refreshToken}' } } }),
    /^upstreams\.accounts\.refresh: there is no refresh token to trade/,
  ],
  [
    'a refresh call that trades the token itself gets no refresh token',
    withUpstream({ refresh: { request: { path: '/refresh', json: '{token}' }, refreshToken: { json: '/r' } } }),
    /^upstreams\.accounts\.refresh\.refreshToken: is used by nothing/,
  ],
  [
    'a refresh call sends the refresh token',
    withUpstream({
      login: { ...minimalUpstream.login, refreshToken: { json: '/r' } },
      refresh: { request: { path: '/refresh' } },
    }),
    /^upstreams\.accounts\.refresh\.request: sends the refresh token nowhere/,
  ],

  [
    'a route begins with a slash',
    { ...minimal, routes: [{ path: 'admin' }] },
    /^routes\[0\]\.path: must be a path that begins with \/$/,
  ],
  [
    'a route is spelled as requests are',
    { ...minimal, routes: [{ path: '/%61dmin' }] },
    /^routes\[0\]\.path: letters, digits .* without percent-encoding$/,
  ],
  [
    'a route has no query',
    { ...minimal, routes: [{ path: '/a?b=c' }] },
    /^routes\[0\]\.path: may hold the characters of a path only/,
  ],
  [
    'a route has no empty segments',
    { ...minimal, routes: [{ path: '/a//b' }] },
    /^routes\[0\]\.path: may not have empty segments/,
  ],
  [
    'a route does not hide the endpoints',
    { ...minimal, routes: [{ path: '/_auth/login' }] },
    /^routes\[0\]\.path: lies under `prefix`/,
  ],
  [
    'a route stands once',
    { ...minimal, routes: [{ path: '/a' }, { path: '/' }, { path: '/a/' }] },
    /^routes\[2\]: is for the same requests as routes\[0\]/,
  ],
  [
    'a route stands once in whatever case',
    { ...minimal, routes: [{ path: '/A', ignoreCase: true }, { path: '/a' }] },
    /^routes\[1\]: is for the same requests as routes\[0\]/,
  ],
  [
    'a route stands once in whatever case, where it does not say that case counts',
    { ...minimal, routes: [{ path: '/A', ignoreCase: false }, { path: '/a' }] },
    /^routes\[1\]: is for the same requests as routes\[0\]; keep one of them, or say `ignoreCase: false` in both$/,
  ],
  [
    'a route stands once, with escapes or without',
    { ...minimal, routes: [{ path: '/%40a', ignoreCase: false }, { path: '/@a' }] },
    /^routes\[1\]: is for the same requests as routes\[0\]; keep one of them$/,
  ],
  [
    'a route stands once for a method',
    {
      ...minimal,
      routes: [
        { path: '/a', methods: ['GET', 'PUT'] },
        { path: '/a', methods: ['put'] },
      ],
    },
    /^routes\[1\]: is for the same requests as routes\[0\]/,
  ],
  [
    'a public route asks nobody for anything',
    { ...minimal, routes: [{ path: '/', access: 'public', require: { roles: 'admin' } }] },
    /^routes\[0\]\.require: nobody is asked who they are on a public route/,
  ],
  [
    'an optional route asks nobody for a claim',
    { ...minimal, routes: [{ path: '/', access: 'optional', require: { roles: 'admin' } }] },
    /^routes\[0\]\.require: an optional route is open to whoever is not signed in.*or `access: optional`$/,
  ],
  [
    'a route does not ask for a claim that is no profile claim',
    { ...minimal, routes: [{ path: '/', require: { sid: 'x' } }] },
    /^routes\[0\]\.require\.sid: this claim is said by the gateway itself/,
  ],
  [
    'a backend is an origin',
    { ...minimal, routes: [{ path: '/', backend: 'http://127.0.0.1:3000/app' }] },
    /^routes\[0\]\.backend: must be an origin/,
  ],
  [
    'the host of a route is a host',
    { ...minimal, routes: [{ path: '/', host: 'https://a.example.com' }] },
    /^routes\[0\]\.host: must be a host/,
  ],
  [
    'a bound on a body has a unit',
    { ...minimal, routes: [{ path: '/', maxBody: '10M' }] },
    /^routes\[0\]\.maxBody: must be a size such as/,
  ],
  [
    'a header of identity is not one of the connection',
    { ...minimal, identity: { headers: { Cookie: 'sub' } } },
    /^identity\.headers\.Cookie: this header has a meaning of its own/,
  ],
  [
    'a header of identity has one spelling, underscores included',
    { ...minimal, identity: { headers: { 'Remote-User': 'sub', remote_user: 'name' } } },
    /^identity\.headers\.remote_user: is the same header as `Remote-User`/,
  ],
]

for (const [behaviour, options, fault] of slips) {
  test(behaviour, () => {
    const faults = faultsOf(options)
    assert.equal(faults.length, 1, faults.join('\n'))
    assert.match(faults[0] ?? '', fault)
  })
}

test('routes that differ in host, method, exactness or, where it counts, case stand beside each other', () => {
  const routes = [
    { path: '/a' },
    { path: '/a', exact: true },
    { path: '/a', methods: ['GET'] },
    { path: '/a', methods: ['POST'] },
    { path: '/a', host: 'a.example.com' },
    { path: '/b', ignoreCase: false },
    { path: '/B', ignoreCase: false },
  ]
  assert.deepEqual(faultsOf({ ...minimal, routes }), [])
})

test('what a sign-in carries beside its fields may be a name elsewhere', () => {
  const login = { ...minimalUpstream.login, values: { response: { json: '/r' }, upstream: { json: '/u' } } }
  const secondStep = { carry: { transaction: { json: '/t' } }, request: { path: '/two/{transaction}' } }
  assert.deepEqual(faultsOf(withUpstream({ login, secondStep })), [])
})

test('braces in a condition that hold no name are text', () => {
  const success = { text: { contains: '{"ok": true' }, headers: [{ name: 'X-A', equals: '{}{ a }{1}' }] }
  assert.deepEqual(faultsOf(withLogin({ success })), [])
})

test('braces that hold no name stand for themselves', () => {
  const request = { path: '/login', json: { u: '{username}', p: '{password}', literal: '{"a":1} {} {a b} ${1}' } }
  assert.deepEqual(faultsOf(withLogin({ request })), [])
})
