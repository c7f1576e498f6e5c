import type { Config } from '../../config/config.ts'
import type { HeaderLine } from '../header-lines.ts'
import type { Carrier } from './credential.ts'
import type { Target } from './request.ts'

const proofNote =
  'each request brings a proof of the key of its token: give that one as well, on a line of its own, DPoP: …; without it, postern token inspect tells what the token is worth'

/** What no answer tells: that a browser would not have sent our cookie there, or that what was sent is not our cookie. */
export function notesOf(
  { scheme, host }: Target,
  credential: readonly HeaderLine[],
  carrier: Carrier,
  { publicUrl, secure, session }: Config,
): readonly string[] {
  if (carrier === 'dpop') return credential.some(({ name }) => name === 'dpop') ? [] : [proofNote]
  if (carrier === 'bearer') return []
  const { name } = session.cookie
  const { hostname } = new URL(publicUrl)
  const there = host === undefined ? undefined : URL.parse(`http://${host}`)?.hostname
  const elsewhere = there !== undefined && there !== hostname
  const misnamed = carrier === 'nothing' ? cookieLike(name, credential) : undefined
  return [
    // Host-only (RFC 6265 section 5.3): neither the port nor a common domain matters.
    ...(elsewhere
      ? [`a browser never sends ${name} to ${there}: it belongs to ${hostname} alone, the host of publicUrl`]
      : []),
    ...(scheme === 'http' && secure
      ? [`a browser never sends ${name} over http: it is Secure, because publicUrl is https`]
      : []),
    ...(misnamed === undefined
      ? []
      : [`the cookie is called ${name} here; ${misnamed} is another, and counts for nothing`]),
  ]
}

/** A cookie that would be ours but for its prefix or its case (RFC 6265bis section 4.1.3). */
function cookieLike(name: string, credential: readonly HeaderLine[]): string | undefined {
  const sent = credential
    .filter((line) => line.name === 'cookie')
    .flatMap(({ value }) => value.split(';'))
    .map((pair) => pair.split('=')[0]?.trim() ?? '')
  return sent.find((one) => one !== name && bare(one) === bare(name))
}

function bare(name: string): string {
  return name.toLowerCase().replace(/^__(?:host|secure)-/, '')
}
