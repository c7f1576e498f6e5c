import { createHmac, createPublicKey, createSign, generateKeyPairSync } from 'node:crypto'
import type { Reason } from '../../src/base/reasons.ts'
import type { SigningKey } from '../../src/keys/key.ts'
import type { TokenKind } from '../../src/token/claims.ts'
import { encode, segments, signed } from './forge.ts'

type Members = Readonly<Record<string, unknown>>

/** What a forger has, and more: the gateway's own key, so that one thing at a time is wrong. */
export interface Workshop {
  readonly kind: TokenKind
  /** Of a good token of that kind. */
  readonly good: string
  readonly header: Members
  readonly payload: Members
  /** The gateway's own. */
  readonly key: SigningKey
  /** Of the same algorithm, and of nobody here. */
  readonly foreign: SigningKey
  /** P-384, of nobody here. */
  readonly foreign384: SigningKey
  /** Somebody listens there, and counts. */
  readonly listener: string
  /** Seconds. */
  readonly now: number
}

export interface HostileToken {
  readonly name: string
  /** Why a door refuses it. */
  readonly reason: Reason | Readonly<Record<TokenKind, Reason>>
  /** Of one kind of token alone; the other is good like that. Default: of both. */
  readonly only?: TokenKind
  make(workshop: Workshop): string | Promise<string>
}

const text = (value: unknown) => JSON.stringify(value)

const { privateKey: derKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** Signed by our own key, with this header. */
const headed =
  (more: (shop: Workshop) => Members) =>
  (shop: Workshop): Promise<string> =>
    signed(shop.key, text({ ...shop.header, ...more(shop) }), text(shop.payload))

/** Signed by our own key, with these claims. `undefined` takes one away. */
const claiming =
  (more: (shop: Workshop) => Members) =>
  (shop: Workshop): Promise<string> =>
    signed(shop.key, text(shop.header), text({ ...shop.payload, ...more(shop) }))

const hmac = (shop: Workshop, secret: string): string => {
  const input = `${encode(text({ ...shop.header, alg: 'HS256' }))}.${encode(text(shop.payload))}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

const publicKeyOf = ({ key }: Workshop) => createPublicKey({ key: { ...key.publicJwk }, format: 'jwk' })

const unsigned = (alg: unknown, signature: string) => (shop: Workshop) =>
  `${encode(text({ ...shop.header, alg }))}.${encode(text(shop.payload))}.${signature}`

const required = ['v', 'iss', 'sub', 'aud', 'client_id', 'iat', 'nbf', 'exp', 'jti', 'sid', 'auth_time', 'upn']

/** Every way that we know to make a token that is none. */
export const hostileTokens: readonly HostileToken[] = [
  { name: 'TV-01 alg none, without a signature', reason: 'malformed', make: unsigned('none', '') },
  { name: 'TV-01 alg none, with one', reason: 'bad_header', make: unsigned('none', 'AA') },
  { name: 'TV-01 alg nOnE', reason: 'bad_header', make: unsigned('nOnE', 'AA') },
  { name: 'TV-01 no alg', reason: 'bad_header', make: unsigned(undefined, 'AA') },
  { name: 'TV-01 alg in lower case', reason: 'bad_header', make: headed(() => ({ alg: 'es256' })) },
  { name: 'TV-01 alg as a list', reason: 'bad_header', make: headed(() => ({ alg: ['ES256'] })) },
  {
    name: 'TV-01 HMAC with the public key as PEM',
    reason: 'bad_header',
    make: (shop) => hmac(shop, publicKeyOf(shop).export({ type: 'spki', format: 'pem' }).toString()),
  },
  {
    name: 'TV-01 HMAC with the public key as JWK',
    reason: 'bad_header',
    make: (shop) => hmac(shop, text(shop.key.publicJwk)),
  },
  { name: 'TV-01 HMAC with nothing', reason: 'bad_header', make: (shop) => hmac(shop, '') },
  {
    name: 'TV-02 ES384 with the key id of an ES256 key',
    reason: 'bad_header',
    make: (shop) => signed(shop.foreign384, text({ ...shop.header, alg: 'ES384' }), text(shop.payload)),
  },
  {
    name: 'TV-02 a good signature under the name of another algorithm',
    reason: 'bad_header',
    make: headed(() => ({ alg: 'PS256' })),
  },
  {
    name: "TV-03 a stranger's signature, and the stranger's key in the header",
    reason: 'bad_header',
    make: (shop) => signed(shop.foreign, text({ ...shop.header, jwk: shop.foreign.publicJwk }), text(shop.payload)),
  },
  {
    name: "TV-03 the stranger's key in the header and no key id",
    reason: 'bad_header',
    make: (shop) =>
      signed(
        shop.foreign,
        text({ alg: 'ES256', jwk: shop.foreign.publicJwk, typ: shop.header['typ'] }),
        text(shop.payload),
      ),
  },
  ...['jku', 'x5u'].map((member): HostileToken => ({
    name: `TV-03 an address for the key in ${member}`,
    reason: 'bad_header',
    make: (shop) =>
      signed(shop.foreign, text({ ...shop.header, [member]: `${shop.listener}/keys` }), text(shop.payload)),
  })),
  {
    name: 'TV-03 an address for the key as key id',
    reason: 'unknown_kid',
    make: headed(({ listener }) => ({ kid: `${listener}/keys` })),
  },
  { name: 'TV-03 a certificate in the header', reason: 'bad_header', make: headed(() => ({ x5c: ['AA'], x5t: 'AA' })) },
  { name: 'TV-04 a path as key id', reason: 'unknown_kid', make: headed(() => ({ kid: '../../../../dev/null' })) },
  { name: 'TV-04 a query as key id', reason: 'unknown_kid', make: headed(() => ({ kid: "a' OR 1=1 --" })) },
  { name: 'TV-04 the prototype as key id', reason: 'unknown_kid', make: headed(() => ({ kid: '__proto__' })) },
  { name: 'TV-04 a key id of 4 kB', reason: 'unknown_kid', make: headed(() => ({ kid: 'k'.repeat(4000) })) },
  { name: 'TV-04 a number as key id', reason: 'bad_header', make: headed(() => ({ kid: 7 })) },
  { name: 'TV-04 null as key id', reason: 'bad_header', make: headed(() => ({ kid: null })) },
  {
    name: 'TV-04 a key id with a space behind it',
    reason: 'unknown_kid',
    make: headed(({ key }) => ({ kid: `${key.kid} ` })),
  },
  { name: 'TV-05 no key id, and the right key', reason: 'bad_header', make: headed(() => ({ kid: undefined })) },
  {
    name: 'TV-05 another key id, and the right key',
    reason: 'unknown_kid',
    make: headed(() => ({ kid: '261101zzzzz' })),
  },
  {
    name: "TV-05 the right key id, and a stranger's signature",
    reason: 'bad_signature',
    make: (shop) => signed(shop.foreign, text(shop.header), text(shop.payload)),
  },
  { name: 'TV-06 crit with an unknown name', reason: 'bad_header', make: headed(() => ({ crit: ['x'], x: 1 })) },
  { name: 'TV-06 crit that is empty', reason: 'bad_header', make: headed(() => ({ crit: [] })) },
  { name: 'TV-06 crit that is no list', reason: 'bad_header', make: headed(() => ({ crit: 'exp' })) },
  { name: 'TV-06 an unencoded payload', reason: 'bad_header', make: headed(() => ({ b64: false, crit: ['b64'] })) },
  ...required.flatMap((claim): readonly HostileToken[] => [
    { name: `TV-07 no ${claim}`, reason: 'bad_claims', make: claiming(() => ({ [claim]: undefined })) },
    { name: `TV-07 ${claim} as an object`, reason: 'bad_claims', make: claiming(() => ({ [claim]: {} })) },
    { name: `TV-07 ${claim} as null`, reason: 'bad_claims', make: claiming(() => ({ [claim]: null })) },
    {
      name: `TV-07 ${claim} in a list`,
      reason: 'bad_claims',
      make: claiming(({ payload }) => ({ [claim]: [payload[claim]] })),
    },
  ]),
  ...['iat', 'nbf', 'exp', 'auth_time', 'v'].map((claim): HostileToken => ({
    name: `TV-07 ${claim} as text`,
    reason: 'bad_claims',
    make: claiming(({ payload }) => ({ [claim]: String(payload[claim]) })),
  })),
  {
    name: 'TV-07 exp of 1e300',
    reason: 'bad_claims',
    make: (shop) => signed(shop.key, text(shop.header), text({ ...shop.payload, exp: 'X' }).replace('"X"', '1e300')),
  },
  {
    name: 'bound to a key',
    reason: 'bound_token',
    only: 'access',
    make: claiming(() => ({ cnf: { jkt: 'x'.repeat(42) + 'w' } })),
  },
  { name: 'TV-07 a confirmation that is none', reason: 'bad_claims', make: claiming(() => ({ cnf: { jkt: 'x' } })) },
  {
    name: 'TV-07 a confirmation by two keys',
    reason: 'bad_claims',
    make: claiming(() => ({ cnf: { jkt: 'x'.repeat(42) + 'w', kid: '1' } })),
  },
  { name: 'TV-07 exp before the epoch', reason: 'bad_claims', make: claiming(() => ({ exp: -1 })) },
  { name: 'TV-07 exp with a fraction', reason: 'bad_claims', make: claiming(({ now }) => ({ exp: now + 0.5 })) },
  { name: 'TV-07 an empty subject', reason: 'bad_claims', make: claiming(() => ({ sub: '' })) },
  {
    name: 'TV-07 a profile claim that is an object',
    reason: 'bad_claims',
    make: claiming(() => ({ roles: { admin: true } })),
  },
  {
    name: 'TV-07 a payload that is a list',
    reason: 'bad_claims',
    make: (shop) => signed(shop.key, text(shop.header), text([shop.payload])),
  },
  {
    name: 'TV-07 a payload that is no JSON',
    reason: 'bad_claims',
    make: (shop) => signed(shop.key, text(shop.header), 'sub=1'),
  },
  {
    name: 'TV-07 a payload without its end',
    reason: 'bad_claims',
    make: (shop) => signed(shop.key, text(shop.header), text(shop.payload).slice(0, -1)),
  },
  {
    name: 'TV-08 a token that has ended',
    reason: { session: 'idle', access: 'expired' },
    make: claiming(({ kind, now }) => ({
      iat: now - 300,
      nbf: now - 300,
      auth_time: now - 300,
      exp: now,
      // To sign out with it ends that session, and no other.
      sid: `ended-${kind}`,
      ...(kind === 'session' ? { idle_at: now } : {}),
    })),
  },
  { name: 'TV-08 nbf that is 61 s ahead', reason: 'not_yet_valid', make: claiming(({ now }) => ({ nbf: now + 61 })) },
  { name: 'TV-08 iat that is 61 s ahead', reason: 'not_yet_valid', make: claiming(({ now }) => ({ iat: now + 61 })) },
  { name: 'TV-08 a life of a year', reason: 'bad_claims', make: claiming(({ now }) => ({ exp: now + 31_536_000 })) },
  {
    name: 'TV-08 an end before the beginning',
    reason: 'bad_claims',
    make: claiming(({ now }) => ({ exp: now - 1, iat: now })),
  },
  {
    name: 'TV-09 an issuer with a slash behind it',
    reason: 'wrong_issuer',
    make: claiming(({ payload }) => ({ iss: `${String(payload['iss'])}/` })),
  },
  {
    name: 'TV-09 an issuer in capitals',
    reason: 'wrong_issuer',
    make: claiming(({ payload }) => ({ iss: String(payload['iss']).toUpperCase() })),
  },
  {
    name: 'TV-09 an issuer whose name begins like ours',
    reason: 'wrong_issuer',
    make: claiming(({ payload }) => ({ iss: `${String(payload['iss'])}.evil.example` })),
  },
  {
    name: 'TV-10 another audience',
    reason: 'wrong_audience',
    make: claiming(() => ({ aud: 'https://other.example' })),
  },
  {
    name: 'TV-10 an audience that begins like ours',
    reason: 'wrong_audience',
    make: claiming(({ payload }) => ({ aud: `${String(payload['aud'])}/more` })),
  },
  {
    name: 'TV-10 the audience of the other kind',
    reason: 'wrong_audience',
    make: claiming(({ kind, payload }) => ({
      aud: kind === 'session' ? 'https://api.example.com' : `${String(payload['iss'])}/_auth`,
    })),
  },
  {
    name: 'TV-10 our audience in a list with another',
    reason: 'bad_claims',
    make: claiming(({ payload }) => ({ aud: [payload['aud'], 'https://other.example'] })),
  },
  { name: 'TV-11 no typ', reason: 'wrong_kind', make: headed(() => ({ typ: undefined })) },
  { name: 'TV-11 typ JWT', reason: 'wrong_kind', make: headed(() => ({ typ: 'JWT' })) },
  {
    name: 'TV-11 typ in capitals',
    reason: 'wrong_kind',
    make: headed(({ header }) => ({ typ: String(header['typ']).toUpperCase() })),
  },
  {
    name: 'TV-11 typ with its media type',
    reason: 'wrong_kind',
    make: headed(({ header }) => ({ typ: `application/${String(header['typ'])}` })),
  },
  {
    name: 'TV-11 an id_token',
    reason: 'wrong_kind',
    make: (shop) =>
      signed(
        shop.key,
        text({ ...shop.header, typ: 'JWT' }),
        text({ iss: shop.payload['iss'], sub: '42', aud: 'postern', iat: shop.now, exp: shop.now + 300, nonce: 'n' }),
      ),
  },
  {
    name: 'TV-11 a logout token',
    reason: 'wrong_kind',
    make: (shop) =>
      signed(
        shop.key,
        text({ ...shop.header, typ: 'logout+jwt' }),
        text({ ...shop.payload, events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }),
      ),
  },
  {
    name: 'TV-11 a DPoP proof',
    reason: 'bad_header',
    make: (shop) =>
      signed(
        shop.foreign,
        text({ typ: 'dpop+jwt', alg: 'ES256', jwk: shop.foreign.publicJwk }),
        text({ jti: 'j', htm: 'GET', htu: `${String(shop.payload['iss'])}/protected`, iat: shop.now }),
      ),
  },
  { name: 'TV-12 a member of ours too many', reason: 'bad_header', make: headed(() => ({ cty: 'JWT' })) },
  {
    name: 'TV-12 a header in another order',
    reason: 'bad_header',
    make: (shop) =>
      signed(shop.key, text({ typ: shop.header['typ'], kid: shop.key.kid, alg: 'ES256' }), text(shop.payload)),
  },
  {
    name: 'TV-12 a header with spaces',
    reason: 'bad_header',
    make: (shop) => signed(shop.key, JSON.stringify(shop.header, undefined, 1), text(shop.payload)),
  },
  {
    name: 'TV-12 a header with an escape in a name',
    reason: 'bad_header',
    make: (shop) => signed(shop.key, text(shop.header).replace('"alg"', String.raw`"\u0061lg"`), text(shop.payload)),
  },
  {
    name: 'TV-12 the flattened JSON form',
    reason: 'malformed',
    make({ good }) {
      const [header, payload, signature] = segments(good)
      return text({ payload, protected: header, signature })
    },
  },
  { name: 'TV-12 five segments', reason: 'malformed', make: ({ good }) => `${good}.AA.AA` },
  { name: 'TV-12 two segments', reason: 'malformed', make: ({ good }) => good.slice(0, good.lastIndexOf('.')) },
  { name: 'TV-12 padding', reason: 'malformed', make: ({ good }) => `${good}=` },
  { name: 'TV-12 the other alphabet', reason: 'malformed', make: ({ good }) => `${good.slice(0, -2)}+/` },
  { name: 'TV-12 a space inside', reason: 'malformed', make: ({ good }) => good.replace('.', '. ') },
  { name: 'TV-12 quotes around it', reason: 'malformed', make: ({ good }) => `"${good}"` },
  { name: 'TV-12 the scheme twice', reason: 'malformed', make: ({ good }) => `Bearer ${good}` },
  { name: 'TV-12 encoded for an address', reason: 'malformed', make: ({ good }) => good.replaceAll('.', '%2E') },
  {
    name: 'TV-13 alg twice, none first',
    reason: 'bad_header',
    make: (shop) => signed(shop.key, `{"alg":"none",${text(shop.header).slice(1)}`, text(shop.payload)),
  },
  {
    name: 'TV-13 kid twice, ours last',
    reason: 'bad_header',
    make: (shop) => signed(shop.key, `{"kid":"other",${text(shop.header).slice(1)}`, text(shop.payload)),
  },
  {
    name: 'TV-13 iss twice, ours first',
    reason: 'wrong_issuer',
    make: (shop) =>
      signed(shop.key, text(shop.header), `${text(shop.payload).slice(0, -1)},"iss":"https://evil.example"}`),
  },
  {
    name: 'TV-13 exp twice, the last of them long ago',
    reason: 'bad_claims',
    make: (shop) => signed(shop.key, text(shop.header), `${text(shop.payload).slice(0, -1)},"exp":1}`),
  },
  {
    name: 'ES256 in the form of certificates',
    reason: 'bad_signature',
    // What `crypto.createSign` gives without being told; the key is a stranger's, as no private key leaves the ring.
    make(shop) {
      const [header, payload] = segments(shop.good)
      const der = createSign('SHA256').update(`${header}.${payload}`).sign(derKey)
      return `${header}.${payload}.${encode(der)}`
    },
  },
  {
    name: 'a signature of nothing but zeros',
    reason: 'bad_signature',
    make: ({ good }) => `${good.slice(0, good.lastIndexOf('.') + 1)}${encode(Buffer.alloc(64))}`,
  },
  { name: 'a signature that is cut off', reason: 'bad_signature', make: ({ good }) => good.slice(0, -2) },
  { name: 'a signature with more behind it', reason: 'bad_signature', make: ({ good }) => `${good}AAAA` },
  {
    name: 'a payload of another token',
    reason: 'bad_signature',
    make: ({ good, payload }) =>
      `${segments(good)[0]}.${encode(text({ ...payload, sub: 'accounts|2' }))}.${segments(good)[2]}`,
  },
  {
    name: 'DS-01 longer than any token of ours',
    reason: 'credential_too_large',
    make: ({ good }) => good + 'A'.repeat(8192),
  },
  { name: 'DS-01 nothing but dots', reason: 'credential_too_large', make: () => '.'.repeat(8193) },
  { name: 'DS-02 a compressed payload', reason: 'bad_header', make: headed(() => ({ zip: 'DEF' })) },
  {
    name: 'DS-02 a password and a thousand million rounds',
    reason: 'malformed',
    make: () => `${encode(text({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 1e9, p2s: 'AA' }))}.AA.AA.AA.AA`,
  },
]
