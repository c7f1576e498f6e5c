import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import { systemClock } from '../../base/clock.ts'
import { Secret } from '../../base/secret.ts'
import type { Config, UpstreamConfig } from '../../config/config.ts'
import { audiencesOf } from '../../gate-parts.ts'
import { createCookieJar, registerCookies } from '../../http/cookies.ts'
import type { Key } from '../../keys/key.ts'
import { keyRetention } from '../../keys/retention.ts'
import { createBindingSealer } from '../../device/binding.ts'
import { createKeyRing } from '../../keys/ring.ts'
import { cookieHeaderBudget, setCookieBudget } from '../../life/cookie-budget.ts'
import { createSessionMaker, type SessionMaker } from '../../life/session.ts'
import { createMinter, randomId } from '../../token/mint.ts'
import { createSealer } from '../../token/seal.ts'
import { findingsAbout, type Finding } from './finding.ts'

/** Characters of a mapped claim, where nothing is known of it. */
const usualClaim = 24

/** Characters of a token that no service gives out. */
const longest = 8_192

/**
 * How long an upstream token may be, measured by making sessions of this configuration: what is random cannot be packed,
 * so a real JWT has more room than that.
 */
export async function cookieSizeFindings(config: Config, keys: readonly Key[]): Promise<readonly Finding[]> {
  const app = Fastify()
  await registerCookies(app)
  const ring = createKeyRing(keys, keyRetention(config), systemClock)
  const maker = createSessionMaker(config.session, config.api.tokenTtl, {
    minter: createMinter(ring, audiencesOf(config)),
    sealer: createSealer(ring, systemClock),
    cookies: createCookieJar(config, app),
    bindings: createBindingSealer(ring),
    clock: systemClock,
  })
  try {
    const findings: Finding[] = []
    for (const upstream of config.upstreams.values()) findings.push(await sizeFinding(upstream, maker))
    return [...findings, proxiesFinding(config)]
  } finally {
    await app.close()
  }
}

async function sizeFinding(upstream: UpstreamConfig, maker: SessionMaker): Promise<Finding> {
  const { ok, warn, fault } = findingsAbout(`cookie size ${upstream.key}`)
  const usual = await made(upstream, maker, 64)
  if (!usual.ok)
    return fault(
      `a session does not fit ${setCookieBudget} bytes even with a token of 64 characters (${usual.bytes} bytes)`,
      'map fewer claims: each stands in the cookie',
    )
  const one = await largest(async (length) => {
    const carried = await made(upstream, maker, length)
    return carried.ok && carried.setCookies.length === 1
  })
  const two = await largest(async (length) => (await made(upstream, maker, length)).ok)
  const refresh = mayRefresh(upstream) ? ', with a refresh token as long' : ''
  const says = `a token of 64 characters makes a cookie of ${usual.bytes} bytes; one cookie holds up to ${one} characters${refresh}, two up to ${two}; longer is refused at sign-in (cookie_too_large)`
  return two < 1_000 ? warn(says, 'map fewer claims: each stands in the cookie') : ok(says)
}

function mayRefresh({ refresh }: UpstreamConfig): boolean {
  return refresh !== undefined
}

function made(upstream: UpstreamConfig, maker: SessionMaker, length: number) {
  const token = () => new Secret(randomBytes(length).toString('base64url').slice(0, length))
  const names = upstream.kind === 'oidc' ? upstream.claims.keys() : upstream.login.claims.keys()
  const now = systemClock()
  return maker.forBrowser({
    upstream: upstream.key,
    subject: `${upstream.subjectPrefix}|${'0'.repeat(usualClaim)}`,
    profile: Object.fromEntries([...names].map((name) => [name, 'x'.repeat(usualClaim)])),
    grant: {
      token: token(),
      refreshToken: mayRefresh(upstream) ? token() : undefined,
      expiresAt: undefined,
      values: {},
    },
    checkedAt: now,
    sid: randomId(),
    signedInAt: now,
    idleAt: undefined,
  })
}

/** The largest length for which it holds, of those for which it does; it holds for short ones. */
async function largest(holds: (length: number) => Promise<boolean>): Promise<number> {
  let [low, high] = [0, longest]
  while (high - low > 16) {
    const middle = (low + high) >> 1
    if (await holds(middle)) low = middle
    else high = middle
  }
  return low
}

/** What stands in front has bounds of its own; the numbers are the defaults of late 2026. */
function proxiesFinding({ forwardAuth }: Config): Finding {
  const { ok } = findingsAbout('cookie size')
  const nginx = `nginx: proxy_buffer_size 4k or 8k for the headers of an answer, too small for two cookies at once (502 "upstream sent too big header"), and 8k for the Cookie line; ${forwardAuth.includes('nginx') ? 'postern snippet nginx sets 16k for both' : 'set proxy_buffer_size 16k and large_client_header_buffers 4 16k'}`
  return ok(
    `ours take at most ${setCookieBudget} bytes each in an answer and ${cookieHeaderBudget} together in a request, beside those of the application. Defaults in front: ${nginx}; HAProxy: 16k for all headers (tune.bufsize); AWS ALB: 16k for one header line, 64k for all`,
  )
}
