import { compactVerify, type CryptoKey } from 'jose'
import type { JwksConfig } from '../../config/exchange.ts'
import type { SignatureName } from '../../config/exchange-options.ts'
import { parseJson } from '../json.ts'
import { createEndpoint, type EndpointDeps } from './endpoint.ts'
import { createKeySet } from './key-set.ts'
import { refused, type SubjectTokenValidator } from './subject-token.ts'
import { readTold } from './told.ts'

const compactForm = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

/** They name another key than the issuer's, or ask for rules that are not known here (RFC 8725 sections 3.1 and 3.10). */
const refusedMembers = ['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64', 'zip', 'enc'] as const

/** Verifies a JWT that the issuer signed for one audience. The issuer itself is asked for its keys only. */
export function createByJwks(config: JwksConfig, deps: EndpointDeps): SubjectTokenValidator {
  const endpoint = createEndpoint(config.uri, 'jwks', deps)
  const keySet = createKeySet(endpoint, deps.clock)
  const bad = (detail: string) => refused('bad_subject_token', detail)
  return {
    issuer: config.issuer,
    close: () => endpoint.close(),
    async validate(token) {
      const text = token.reveal()
      if (!compactForm.test(text)) return bad('it is not a JWT in compact form')
      const header = objectIn(text.slice(0, text.indexOf('.')))
      if (header === undefined) return bad('its header is not a JSON object')
      const { alg, kid, typ } = header
      const forbidden = refusedMembers.find((name) => Object.hasOwn(header, name))
      if (forbidden !== undefined) return bad(`its header has \`${forbidden}\``)
      if (!isAllowed(alg, config.algorithms)) return bad('its `alg` is not one of `algorithms`')
      if (typeof typ !== 'string' || !config.typ.includes(typ.toLowerCase().replace(/^application\//, '')))
        return bad('its `typ` is not one of those configured')
      if (typeof kid !== 'string' || kid === '') return bad('its header names no key (`kid`)')
      const found = await keySet.find(kid, alg)
      if (found.kind === 'failed') return found
      if (found.kind === 'unknown') return bad('its `kid` is not in the key set')
      if (found.kind === 'unfit') return bad('its `alg` does not fit the key')
      const payload = await verifiedPayload(text, found.key, alg)
      if (payload === undefined) return bad('its signature is not good')
      const { issuer, audience } = config
      return readTold(token, payload, { telling: config, issuer, audience, expires: true, now: deps.clock() })
    },
  }
}

async function verifiedPayload(token: string, key: CryptoKey, alg: SignatureName) {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [alg] })
    return asObject(parseJson(Buffer.from(payload).toString()).value)
  } catch {
    // Whatever went wrong, a signature that was not seen to be good is bad (security.md TV-21).
    return undefined
  }
}

function objectIn(segment: string): Readonly<Record<string, unknown>> | undefined {
  return asObject(parseJson(Buffer.from(segment, 'base64url').toString()).value)
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined
}

function isAllowed(alg: unknown, allowed: readonly SignatureName[]): alg is SignatureName {
  return allowed.some((one) => one === alg)
}
