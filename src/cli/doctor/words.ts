import type { Asked } from './ask.ts'
import type { Reached } from './connect.ts'
import { findingsAbout, type Finding } from './finding.ts'

const day = 86_400_000

/** Days before its end from which a certificate is worth a word. */
const soon = 14

/** Seconds by which a foreign clock may differ; see docs/tokens.md. */
const leeway = 60

/** For each code the next thing to try. */
const hints: Readonly<Record<string, string>> = {
  ENOTFOUND: 'is the name spelled right, and does the DNS of this machine or container know it?',
  EAI_AGAIN: 'the DNS server does not answer: look at /etc/resolv.conf, or at the network of the container',
  ECONNREFUSED:
    'nothing listens there: is it running, and on that port? In a container localhost is the container itself',
  ETIMEDOUT: 'a firewall or a network policy may drop it',
  EHOSTUNREACH: 'there is no way there from this network',
  ECONNRESET: 'something closes the connection at once: is it the right port, and the right protocol?',
  EPROTO: 'it does not speak TLS there: should the address begin with http://, or name another port?',
  ERR_SSL_WRONG_VERSION_NUMBER:
    'it does not speak TLS there: should the address begin with http://, or name another port?',
  CERT_HAS_EXPIRED: 'its certificate has ended: renew it there',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: is the clock of this machine right?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: use a name that stands in it',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is signed by itself: NODE_EXTRA_CA_CERTS=/path/ca.pem makes its issuer known',
  SELF_SIGNED_CERT_IN_CHAIN: 'its issuer is not known here: NODE_EXTRA_CA_CERTS=/path/ca.pem makes it known',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'it does not send the certificates in between, or its issuer is not known here: NODE_EXTRA_CA_CERTS=/path/ca.pem makes it known',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its issuer is not known here: NODE_EXTRA_CA_CERTS=/path/ca.pem makes it known',
}

export function hintFor(code: string): string {
  return hints[code] ?? 'try the same address with curl -v from this machine'
}

/** How the way to an address was, up to TLS. */
export function reachedFinding(about: string, url: URL, reached: Reached, now: number): Finding {
  const { ok, warn, fault } = findingsAbout(about)
  if (!reached.ok) return fault(`${url.origin}: ${reached.step} fails (${reached.code})`, hintFor(reached.code))
  const where = `${url.origin} is reached at ${reached.addresses.join(', ')}`
  const { certificate } = reached
  if (certificate === undefined) return ok(where)
  const days = Math.floor((certificate.validTo - now) / day)
  const says = `${where}; its certificate is good for ${days} days`
  return days < soon ? warn(says, 'is its renewal at work? A certificate that has ended stops every sign-in') : ok(says)
}

/** What a clock elsewhere says about ours. */
export function clockFinding(about: string, asked: Asked): readonly Finding[] {
  return asked.ok ? skewFinding(about, asked.skew) : []
}

/** @param skew seconds by which the other clock is ahead */
export function skewFinding(about: string, skew: number | undefined): readonly Finding[] {
  if (skew === undefined) return []
  const { ok, warn, fault } = findingsAbout(about)
  const size = Math.abs(skew)
  if (size <= 5) return [ok('its clock and the one of this machine agree')]
  const says = `its clock is ${size} s ${skew > 0 ? 'ahead of' : 'behind'} the one of this machine`
  const next = 'one of the two is wrong: set this machine by NTP (timedatectl, chronyc tracking)'
  return size > leeway ? [fault(`${says}: tokens are taken for ended, or for not yet valid`, next)] : [warn(says, next)]
}
