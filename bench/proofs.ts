/** A client with DPoP: a token that is bound to its key, and requests with a proof each. */
import { createHash, randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { publicUrl, type Headers } from './contestant.ts'

export interface ProvingClient {
  /** Heads of that many requests, each with a proof of its own, good for half a minute at least. */
  heads(path: string, count: number): Promise<readonly Headers[]>
}

export async function startProvingClient(origin: string): Promise<ProvingClient> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const header = { alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey) }
  let nonce: string | undefined
  let ath: string | undefined

  const proof = (htm: string, path: string) =>
    new SignJWT({ jti: randomUUID(), htm, htu: `${publicUrl}${path}`, iat: Math.floor(Date.now() / 1000), nonce, ath })
      .setProtectedHeader(header)
      .sign(privateKey)

  async function signIn(): Promise<Response> {
    const answer = await fetch(`${origin}/_auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', dpop: await proof('POST', '/_auth/login') },
      body: JSON.stringify({ username: 'john', password: 'password123' }),
    })
    nonce = answer.headers.get('dpop-nonce') ?? nonce
    return answer
  }

  await signIn()
  const answer = await signIn()
  const { access_token: token } = (await answer.json()) as { access_token?: string }
  if (token === undefined) throw new Error(`No token at sign-in: ${answer.status}.`)

  return {
    async heads(path, count) {
      ath = undefined
      await signIn()
      ath = createHash('sha256').update(token).digest('base64url')
      const proofs = await Promise.all(Array.from({ length: count }, () => proof('GET', path)))
      const authorization = `DPoP ${token}`
      return proofs.map((dpop) => ({ host: 'app.example.com', accept: '*/*', authorization, dpop }))
    },
  }
}
