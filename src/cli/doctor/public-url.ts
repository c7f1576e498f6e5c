import { networkInterfaces } from 'node:os'
import { systemClock } from '../../base/clock.ts'
import type { Config } from '../../config/config.ts'
import { isLoopback } from '../../config/origin.ts'
import { ask, type Asked } from './ask.ts'
import { reach, type Reached } from './connect.ts'
import { findingsAbout, type Finding } from './finding.ts'
import { follow, type Trail } from './redirects.ts'
import { cookieFindings } from './set-cookies.ts'
import { clockFinding, hintFor, reachedFinding } from './words.ts'

const about = 'public url'
const { ok, warn, fault } = findingsAbout(about)

/**
 * The address that browsers use, asked from here: whether it leads to a gateway with our keys, and what comes back of
 * what that gateway says. Most complaints about gateways are answered by one of these.
 *
 * @param kids ids of the public keys in our folder
 */
export async function publicUrlFindings(
  config: Config,
  kids: ReadonlySet<string>,
  timeout: number,
): Promise<readonly Finding[]> {
  const url = new URL(config.publicUrl)
  const reached = await reach(url, timeout)
  const first = reachedFinding(about, url, reached, systemClock())
  const around = [...proxyFindings(config, url, reached), ...hostFindings(config, url)]
  if (!reached.ok) return [withHint(first), ...around]
  const trail = await follow(new URL('/.well-known/jwks.json', url), timeout)
  const led = ledFindings(trail, url, kids)
  // What is not this gateway has nothing to say about cookies.
  const isUs = trail.end === 'answer' && trail.steps.length === 1 && led.every(({ verdict }) => verdict === 'ok')
  return [
    first,
    ...led,
    ...(isUs ? [...clockFinding(about, trail.last), ...(await signInFindings(config, url, timeout))] : []),
    ...(config.secure ? await plainFindings(url, kids, timeout) : []),
    ...around,
  ]
}

function withHint(finding: Finding): Finding {
  return {
    ...finding,
    next: `${finding.next ?? ''}; from inside a network its own public address is not always reachable: try it from outside, too`,
  }
}

/** Whether the keys that are shown there are ours. */
function ledFindings({ steps, end, last }: Trail, url: URL, kids: ReadonlySet<string>): readonly Finding[] {
  const path = steps.join(' → ')
  if (end === 'loop' || end === 'too many') {
    const schemes = new Set(steps.map((step) => new URL(step).protocol))
    return [
      fault(
        `redirect loop: ${path}`,
        schemes.size > 1
          ? 'what stands in front redirects http to https, and is itself asked by http: tell it the scheme that the client used (X-Forwarded-Proto), or let it speak https to what is behind (with a CDN: full, not flexible)'
          : 'two rules in front redirect to each other: look for those about www, slashes and languages',
      ),
    ]
  }
  if (!last.ok) return [fault(`${path} gives no HTTP answer (${last.code})`, hintFor(last.code))]
  const end_ = URL.parse(steps.at(-1) ?? '')
  if (steps.length > 1 && end_ !== null && end_.origin !== url.origin) {
    const says = `it redirects to ${end_.origin}: cookies and tokens are made for ${url.origin} alone, so nobody would stay signed in`
    return [
      end_.hostname === url.hostname
        ? fault(says, `say publicUrl: ${end_.origin}, the address that people end up at`)
        : fault(`domain mismatch: ${says}`, `say publicUrl: ${end_.origin}, or take the redirect away`),
    ]
  }
  if (steps.length > 1)
    return [warn(`it redirects: ${path}`, 'let /.well-known/ and the prefix of the gateway through as they are')]
  return [keysFinding(last, kids)]
}

function keysFinding(answer: Extract<Asked, { ok: true }>, kids: ReadonlySet<string>): Finding {
  const shown = shownKeys(answer)
  const path = '/.well-known/jwks.json'
  if (answer.status !== 200 || shown === undefined) {
    const what = answer.status === 200 ? 'something that is no key set' : String(answer.status)
    const next =
      answer.status >= 502 && answer.status <= 504
        ? 'what stands in front does not reach the gateway: is it running, and is its address there right?'
        : 'what stands in front has to lead /.well-known/ and the prefix to this gateway, not to the application'
    return fault(`it answers ${what} at ${path}, so it does not lead to a gateway`, next)
  }
  if (shown.some((kid) => kids.has(kid))) return ok(`it leads to a gateway with our keys (${answer.milliseconds} ms)`)
  return fault(
    `it leads to a gateway with other keys (${shown.join(', ') || 'none'}): what one signs, the other refuses`,
    'every replica needs the same key folder; is it mounted, and is this the configuration that runs?',
  )
}

/** Undefined: no key set. */
function shownKeys({ body }: Extract<Asked, { ok: true }>): readonly string[] | undefined {
  try {
    const { keys } = JSON.parse(body) as { keys?: unknown }
    return Array.isArray(keys) ? keys.map((key: { kid?: unknown }) => String(key.kid)) : undefined
  } catch {
    return undefined
  }
}

/** A cookie that is no good is answered with its deletion, which has the attributes of every cookie of ours. */
async function signInFindings(config: Config, url: URL, timeout: number): Promise<readonly Finding[]> {
  const { name } = config.session.cookie
  const address = new URL(`${config.prefix}/login`, url)
  const answer = await ask(address, timeout, {
    cookie: `${name}=doctor`,
    accept: 'text/html',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
    'sec-fetch-site': 'none',
  })
  if (!answer.ok) return [fault(`${address.href} gives no HTTP answer (${answer.code})`, hintFor(answer.code))]
  const { status, headers } = answer
  if (status !== 200 && status !== 303)
    return [
      fault(
        `the sign-in page answers ${status}${headers.location === undefined ? '' : ` to ${headers.location}`}`,
        'what stands in front must let everything below the prefix through without asking: else the sign-in page itself asks for a sign-in, which is a redirect loop',
      ),
    ]
  return cookieFindings(headers['set-cookie'] ?? [], config)
}

/** Browsers try http first for what a person types; a Secure cookie is never sent there. */
async function plainFindings(url: URL, kids: ReadonlySet<string>, timeout: number): Promise<readonly Finding[]> {
  if (url.port !== '') return []
  const plain = new URL(url)
  plain.protocol = 'http:'
  const answer = await ask(new URL('/.well-known/jwks.json', plain), timeout)
  if (!answer.ok) return [ok('plain http is not answered')]
  const { status, headers } = answer
  if (status >= 300 && status < 400) {
    const target = URL.parse(headers.location ?? '', plain)
    return target?.origin === url.origin
      ? [ok('plain http is redirected to it')]
      : [warn(`plain http is redirected to ${target?.origin ?? 'nowhere'}`, `redirect it to ${url.origin}`)]
  }
  if (shownKeys(answer)?.some((kid) => kids.has(kid)) !== true) return []
  return [
    warn(
      `${plain.origin} leads to the gateway, too: Secure cookies do not go over http, so whoever signs in there is asked again and again`,
      'redirect http to https in front',
    ),
  ]
}

/** The gateway itself speaks http: where the public URL is https, something in front ends TLS. */
function proxyFindings(
  { secure, trustedProxies, listen, forwardAuth }: Config,
  url: URL,
  reached: Reached,
): readonly Finding[] {
  const proxy = findingsAbout('proxy trust')
  const port = Number(url.port) || (secure ? 443 : 80)
  const inFront = secure || port !== listen.port || forwardAuth.length > 0
  if (trustedProxies.length > 0)
    return [
      inFront
        ? proxy.ok(
            `believed: ${trustedProxies.join(', ')}; whether the one in front is among them, its first request shows: the log has its address`,
          )
        : proxy.warn(
            'trustedProxies is set, and the public URL is the port of the gateway itself: whoever comes from those addresses may claim any other',
            'if nothing stands in front, take trustedProxies out',
          ),
    ]
  if (!inFront) return [proxy.ok('nothing in front that would have to be believed')]
  const own = new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)))
  const near = reached.ok && reached.addresses.some((address) => own.has(address) || isLoopback(address))
  const what = secure
    ? 'something in front ends TLS'
    : port === listen.port
      ? 'forwardAuth names proxies'
      : `something in front takes ${url.origin} to port ${listen.port}`
  return [
    proxy.warn(
      `${what}, and trustedProxies is empty: everybody counts as that one address, in the log and in the limits on guessing, so one attacker can use up the attempts of all`,
      `name the address that it asks from, such as trustedProxies: [${near ? '127.0.0.1, "::1"' : '10.0.0.0/8'}]`,
    ),
  ]
}

/** The cookie belongs to one host. */
function hostFindings({ routes, session, publicUrl }: Config, url: URL): readonly Finding[] {
  const others = [...new Set(routes.flatMap(({ host }) => (host === undefined || host === url.host ? [] : [host])))]
  if (others.length === 0) return []
  const { warn: caution } = findingsAbout('cookies')
  return [
    caution(
      `domain mismatch: routes for ${others.join(', ')} never see the cookie ${session.cookie.name}, which belongs to ${url.hostname} alone: whoever signs in there is not signed in here`,
      `serve them under ${publicUrl}, or run a gateway with a publicUrl of its own for each`,
    ),
  ]
}
