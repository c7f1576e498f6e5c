import { createHmac } from 'node:crypto'
import { exportSPKI } from 'jose'
import type { SigningKey } from '../../src/keys/key.ts'

/** What the tokens of the table are made from. */
export interface Material {
  /** A good token of the kind, as the gateway gave it out. */
  readonly good: string
  readonly key: SigningKey
  /** Never seen by anybody. */
  readonly strangerKey: SigningKey
  /** Good tokens of the other kinds, by name. */
  readonly others: Readonly<Record<string, string>>
}

export interface Row {
  readonly name: string
  readonly accepted: boolean
  /** What stands in `Authorization`, one line each. */
  readonly authorization: readonly string[]
}

type Members = Readonly<Record<string, unknown>>

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (token: string, segment: 0 | 1) =>
  JSON.parse(Buffer.from(token.split('.')[segment] ?? '', 'base64url').toString()) as Members

/** Signed as ES256 whatever the header says. */
async function sign(key: SigningKey, header: Members, payload: Members): Promise<string> {
  const signed = `${encode(header)}.${encode(payload)}`
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.privateKey, Buffer.from(signed))
  return `${signed}.${Buffer.from(signature).toString('base64url')}`
}

function without(members: Members, name: string): Members {
  return Object.fromEntries(Object.entries(members).filter(([member]) => member !== name))
}

/** Good and bad tokens of one kind, from one good one. */
export async function tokenTable({ good, key, strangerKey, others }: Material): Promise<readonly Row[]> {
  const header = decode(good, 0)
  const payload = decode(good, 1)
  const [head = '', body = '', signature = ''] = good.split('.')
  const now = Math.floor(Date.now() / 1000)
  const rows: Row[] = []
  const send = (name: string, accepted: boolean, ...authorization: string[]) =>
    void rows.push({ name, accepted, authorization })
  const accept = (name: string, token: string) => send(name, true, `Bearer ${token}`)
  const refuse = (name: string, token: string) => send(name, false, `Bearer ${token}`)
  const claims = async (name: string, changed: Members) => refuse(name, await sign(key, header, changed))
  const headers = async (name: string, changed: Members) => refuse(name, await sign(key, changed, payload))
  const hmac = (name: string, secret: string | Buffer) => {
    const signed = `${encode({ ...header, alg: 'HS256' })}.${body}`
    refuse(name, `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`)
  }

  accept('the token that the gateway gave out', good)
  accept('the same claims, signed once more', await sign(key, header, payload))
  send('TV-16 the scheme in any case', true, `bEaReR ${good}`)
  accept('TV-08 a clock that is 50 s behind', await sign(key, header, { ...payload, iat: now + 50, nbf: now + 50 }))

  await claims('TV-10 for another audience', { ...payload, aud: 'https://elsewhere.example' })
  await claims('TV-10 for a list of audiences', { ...payload, aud: [payload['aud'], 'https://elsewhere.example'] })
  await claims('TV-09 of another issuer', { ...payload, iss: 'https://elsewhere.example' })
  await claims('TV-09 of the issuer with a slash behind it', { ...payload, iss: `${String(payload['iss'])}/` })
  for (const [kind, token] of Object.entries(others)) refuse(`TV-11 ${kind} in its place`, token)

  await claims('TV-08 expired a second ago', { ...payload, iat: now - 300, nbf: now - 300, exp: now - 1 })
  await claims('TV-08 expired this second', { ...payload, iat: now - 300, nbf: now - 300, exp: now })
  // So far ahead that it still is when the last verifier is asked.
  await claims('TV-08 made an hour from now', { ...payload, iat: now + 3600, exp: now + 3900 })
  await claims('TV-08 valid from an hour on', { ...payload, nbf: now + 3600, exp: now + 3900 })
  await claims('TV-08 living for a year', { ...payload, exp: now + 31_536_000 })
  await claims('TV-08 over before it began', { ...payload, iat: now + 50, exp: now + 40 })
  for (const name of ['exp', 'iat', 'nbf', 'iss', 'aud', 'sub', 'jti', 'sid', 'auth_time', 'client_id', 'upn', 'v']) {
    await claims(`TV-07 without ${name}`, without(payload, name))
  }
  await claims('TV-07 with a sub that is an object', { ...payload, sub: { id: 1 } })
  await claims('TV-07 with an empty sub', { ...payload, sub: '' })
  await claims('TV-07 with an exp that is a text', { ...payload, exp: String(now + 300) })
  await claims('TV-07 with an exp that is true', { ...payload, exp: true })
  await claims('TV-07 with an exp beyond any number', { ...payload, exp: 1e300 })
  await claims('TV-07 with an iat that is a fraction', { ...payload, iat: now - 0.5 })
  await claims('of another format', { ...payload, v: 2 })
  await claims('bound to a key that nobody proves', { ...payload, cnf: { jkt: 'x'.repeat(43) } })

  for (const alg of ['none', 'nOnE', '']) refuse(`TV-01 with alg "${alg}"`, `${encode({ ...header, alg })}.${body}.`)
  await headers('TV-01 with alg none and a signature', { ...header, alg: 'none' })
  await headers('TV-01 without alg', without(header, 'alg'))
  hmac('TV-01 HS256 with the public key as secret, as PEM', await exportSPKI(key.publicKey))
  hmac('TV-01 HS256 with the public key as secret, as JWK', JSON.stringify(key.publicJwk))
  hmac('TV-01 HS256 with the public point as secret', Buffer.from(key.publicJwk['x'] ?? '', 'base64url'))
  hmac('TV-01 HS256 with an empty secret', '')
  await headers('TV-02 with the algorithm of another key', { ...header, alg: 'ES384' })
  refuse('TV-03 of a strange key with the same kid', await sign(strangerKey, header, payload))
  const jwk = strangerKey.publicJwk
  refuse('TV-03 of a strange key that it brings along', await sign(strangerKey, { ...header, jwk }, payload))
  await headers('TV-03 with the address of a key set', { ...header, jku: 'http://127.0.0.1:9/jwks.json' })
  await headers('TV-05 without kid', without(header, 'kid'))
  for (const kid of ['unknown', '../../dev/null', '__proto__', '', 1, null, ['a'], {}]) {
    await headers(`TV-04 with the kid ${JSON.stringify(kid)}`, { ...header, kid })
  }
  await headers('TV-06 with crit', { ...header, crit: ['exp'], exp: now })
  await headers('TV-06 with an empty crit', { ...header, crit: [] })
  await headers('TV-06 with an unencoded payload', { ...header, b64: false, crit: ['b64'] })
  await headers('with a header member of no meaning', { ...header, cty: 'JWT' })
  for (const typ of ['JWT', 'jwt', String(header['typ']).toUpperCase(), `application/${String(header['typ'])}`]) {
    await headers(`TV-11 with the typ ${typ}`, { ...header, typ })
  }
  await headers('TV-11 without typ', without(header, 'typ'))

  const extended = Buffer.concat([Buffer.from(signature, 'base64url'), Buffer.from('more')]).toString('base64url')
  refuse('with bytes behind the signature', `${head}.${body}.${extended}`)
  refuse('with half a signature', `${head}.${body}.${signature.slice(0, 43)}`)
  refuse('without a signature', `${head}.${body}.`)
  refuse('with the claims of somebody else', `${head}.${encode({ ...payload, sub: 'accounts|2' })}.${signature}`)
  refuse('TV-12 of five segments', `${good}.${head}.${body}`)
  refuse('TV-12 with padding', `${good}==`)
  refuse('TV-12 with a line of JSON', JSON.stringify({ protected: head, payload: body, signature }))
  refuse('TV-12 with a space in it', `${head}. ${body}.${signature}`)
  refuse('that is no token', 'x')
  await claims('DS-01 of more than 8,192 characters', { ...payload, note: 'x'.repeat(8192) })
  send('TV-18 nothing', false)
  send('TV-18 another scheme', false, 'Basic am9objpwYXNzd29yZDEyMw==')
  send('TV-17 two lines', false, `Bearer ${good}`, `Bearer ${good}`)
  return rows
}
