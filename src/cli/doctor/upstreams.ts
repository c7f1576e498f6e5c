import { randomBytes } from 'node:crypto'
import { systemClock } from '../../base/clock.ts'
import { Secret } from '../../base/secret.ts'
import type { Config, RouteConfig, UpstreamConfig } from '../../config/config.ts'
import type { OidcUpstreamConfig } from '../../config/oidc.ts'
import type { LoginUpstreamConfig } from '../../config/upstream.ts'
import { createLoginUpstream } from '../../upstream/login-upstream.ts'
import { createOidcUpstream } from '../../upstream/oidc-upstream.ts'
import { ask } from './ask.ts'
import { reach } from './connect.ts'
import { findingsAbout, type Finding } from './finding.ts'
import { clockFinding, hintFor, reachedFinding } from './words.ts'

/** Whether a service that signs people in can do so, as far as that shows without a person. */
export async function upstreamFindings(config: UpstreamConfig, timeout: number): Promise<readonly Finding[]> {
  const about = `upstream ${config.key}`
  const origin = new URL(config.kind === 'oidc' ? config.issuer : config.origin)
  const reached = await reach(origin, timeout)
  const first = reachedFinding(about, origin, reached, systemClock())
  if (!reached.ok) return [first]
  const answered = await ask(new URL('/', origin), timeout)
  if (!answered.ok)
    return [
      first,
      findingsAbout(about).fault(`${origin.origin} gives no HTTP answer (${answered.code})`, hintFor(answered.code)),
    ]
  const more = config.kind === 'oidc' ? await discoveryFinding(about, config) : await checkFinding(about, config)
  return [first, ...clockFinding(about, answered), more]
}

/** Any token that nobody gave out has to be refused; which answer says so is for the configuration to know. */
async function checkFinding(about: string, config: LoginUpstreamConfig): Promise<Finding> {
  const { ok, warn, fault } = findingsAbout(about)
  if (config.check === undefined)
    return ok('it answers; there is no check call to try. What only a sign-in shows: postern try-login')
  if (config.present.token.as === 'cookies') return ok('it answers; its check call needs a person: postern try-login')
  const upstream = createLoginUpstream(config, { clock: systemClock })
  try {
    const token = new Secret(`postern-doctor-${randomBytes(6).toString('hex')}`)
    const grant = { token, refreshToken: undefined, expiresAt: undefined, values: {} }
    const outcome = await upstream.check(grant, 'nobody')
    switch (outcome.kind) {
      case 'refused':
        return ok(`its check call refuses a token that nobody gave out (${outcome.status}), as it should`)
      case 'good':
        return fault(
          `its check call takes a token that nobody gave out (${outcome.status}): nobody would ever be signed out there`,
          'look at check.request.path, and at check.success: what tells a good answer from an error at the same status?',
        )
      case 'failed':
        if (outcome.as === 'upstream_bad')
          return warn(
            `its check call gives a bad token an answer that says nothing${outcome.status === undefined ? '' : ` (${outcome.status})`}: such a session would go on`,
            'say in check.refusals which answer means that a token is no good; the path may be wrong, too',
          )
        return fault(
          `its check call: ${outcome.detail}`,
          'look at its own log; sessions cannot be renewed while it is so',
        )
    }
  } finally {
    await upstream.close()
  }
}

/** OpenID Connect Discovery 1.0, by the client that signs people in. */
async function discoveryFinding(about: string, config: OidcUpstreamConfig): Promise<Finding> {
  const { ok, fault } = findingsAbout(about)
  const upstream = createOidcUpstream(config, { clock: systemClock })
  try {
    const random = () => randomBytes(32).toString('base64url')
    const outcome = await upstream.begin({ state: random(), nonce: random(), codeVerifier: random() })
    if (outcome.kind === 'redirect')
      return ok(`its discovery is good; people sign in at ${new URL(outcome.location).origin}`)
    return fault(
      `its discovery: ${outcome.detail}`,
      `is issuer right, character by character? Open ${config.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
    )
  } finally {
    await upstream.close()
  }
}

/** Where requests go to. One that is down is the application's fault, and looks like ours. */
export async function backendFindings({ routes }: Config, timeout: number): Promise<readonly Finding[]> {
  const byOrigin = new Map(
    routes.flatMap((route) => (route.backend === undefined ? [] : [[route.backend, route] as const])),
  )
  return Promise.all([...byOrigin].map(([origin, route]) => backendFinding(new URL(origin), route, timeout)))
}

async function backendFinding(url: URL, { tls }: RouteConfig, timeout: number): Promise<Finding> {
  const about = `backend ${url.host}`
  const trust = { ca: tls?.ca, cert: tls?.cert, key: tls?.key?.reveal() }
  return reachedFinding(about, url, await reach(url, timeout, trust), systemClock())
}
