/** Browsers that bind their sessions, as far as a gateway sees of them. */
import assert from 'node:assert/strict'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'
import { publicUrl } from './contestant.ts'

export interface DeviceSession {
  readonly cookies: Map<string, string>
  readonly key: CryptoKey
  identifier: string
  proof: string
}

const asBrowser = { origin: publicUrl, 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'no-cors' }

function take({ cookies }: DeviceSession, answer: Response): void {
  for (const text of answer.headers.getSetCookie()) {
    const [pair = ''] = text.split(';', 1)
    const at = pair.indexOf('=')
    if (/; max-age=0/i.test(text)) cookies.delete(pair.slice(0, at))
    else cookies.set(pair.slice(0, at), pair.slice(at + 1))
  }
}

function post(session: DeviceSession, address: string, proof?: string): Promise<Response> {
  return fetch(address, {
    method: 'POST',
    headers: {
      ...asBrowser,
      cookie: [...session.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
      ...(session.identifier === '' ? {} : { 'sec-secure-session-id': session.identifier }),
      ...(proof === undefined ? {} : { 'secure-session-response': proof }),
    },
  })
}

function signed(key: CryptoKey, challenge: string, jwk?: JWK): Promise<string> {
  return new SignJWT({ jti: challenge })
    .setProtectedHeader({ alg: 'ES256', typ: 'dbsc+jwt', ...(jwk === undefined ? {} : { jwk }) })
    .sign(key)
}

const textIn = (header: string | null, pattern: RegExp): string => pattern.exec(header ?? '')?.[1] ?? assert.fail()

/** Signed in, and bound. */
export async function bindSession(origin: string): Promise<DeviceSession> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const session: DeviceSession = { cookies: new Map(), key: privateKey, identifier: '', proof: '' }
  const answer = await fetch(`${origin}/_auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...asBrowser },
    body: JSON.stringify({ username: 'john', password: 'password123', response: 'cookie' }),
  })
  take(session, answer)
  await answer.arrayBuffer()
  const challenge = textIn(answer.headers.get('secure-session-registration'), /challenge="([^"]+)"/)
  const proof = await signed(privateKey, challenge, await exportJWK(publicKey))
  const bound = await post(session, `${origin}/_auth/device/register`, proof)
  take(session, bound)
  session.identifier = ((await bound.json()) as { session_identifier: string }).session_identifier
  return session
}

/** Signs the challenge of now, which is no cost of the gateway's. */
export async function prepareRefresh(session: DeviceSession, origin: string): Promise<void> {
  const asked = await post(session, `${origin}/_auth/device/refresh`)
  assert.equal(asked.status, 403)
  session.proof = await signed(session.key, textIn(asked.headers.get('secure-session-challenge'), /^"([^"]+)"/))
}

export async function refresh(session: DeviceSession, origin: string): Promise<void> {
  const answer = await post(session, `${origin}/_auth/device/refresh`, session.proof)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.getSetCookie().length, 3)
  take(session, answer)
  await answer.arrayBuffer()
}
