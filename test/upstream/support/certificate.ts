import { generateKeyPairSync, sign } from 'node:crypto'

/**
 * A certificate for `localhost` that nobody has reason to trust, made for this run (RFC 5280 section 4.1).
 *
 * @param end as GeneralizedTime
 */
export function selfSigned(end = '21000101000000Z'): { readonly key: string; readonly cert: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = sequence(set(sequence(objectId(0x55, 0x04, 0x03), der(0x0c, Buffer.from('localhost')))))
  const ecdsaWithSha256 = sequence(objectId(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
  const validity = sequence(time('20200101000000Z'), time(end))
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const toBeSigned = sequence(der(0x02, Buffer.of(1)), ecdsaWithSha256, name, validity, name, spki)
  const signature = sign('sha256', toBeSigned, privateKey)
  const certificate = sequence(toBeSigned, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.of(0), signature])))
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
  }
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), content])
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, Buffer.concat(parts))
const set = (part: Buffer): Buffer => der(0x31, part)
const objectId = (...bytes: readonly number[]): Buffer => der(0x06, Buffer.from(bytes))
const time = (text: string): Buffer => der(0x18, Buffer.from(text))
