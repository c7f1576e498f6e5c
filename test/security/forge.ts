import { webcrypto as crypto } from 'node:crypto'
import type { SigningKey } from '../../src/keys/key.ts'

/* Tokens as nobody's library would make them: any text as header, any text as payload, and a good signature. */

export const encode = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url')

export const decode = (segment: string | undefined): string => Buffer.from(segment ?? '', 'base64url').toString()

export const segments = (token: string): readonly [string, string, string] => {
  const [header = '', payload = '', signature = ''] = token.split('.')
  return [header, payload, signature]
}

export const headerOf = (token: string): Record<string, unknown> =>
  JSON.parse(decode(segments(token)[0])) as Record<string, unknown>

export const payloadOf = (token: string): Record<string, unknown> =>
  JSON.parse(decode(segments(token)[1])) as Record<string, unknown>

const parameters: Readonly<
  Record<SigningKey['alg'], crypto.AlgorithmIdentifier | crypto.EcdsaParams | crypto.RsaPssParams>
> = {
  ES256: { name: 'ECDSA', hash: 'SHA-256' },
  ES384: { name: 'ECDSA', hash: 'SHA-384' },
  EdDSA: { name: 'Ed25519' },
  PS256: { name: 'RSA-PSS', saltLength: 32 },
  RS256: { name: 'RSASSA-PKCS1-v1_5' },
}

/** What is signed, and a signature by that key. */
export async function signed(key: SigningKey, header: string, payload: string): Promise<string> {
  const input = `${encode(header)}.${encode(payload)}`
  const signature = await crypto.subtle.sign(parameters[key.alg], key.privateKey, Buffer.from(input))
  return `${input}.${encode(new Uint8Array(signature))}`
}
