import type { IntrospectionConfig } from '../../config/exchange.ts'
import { failed } from '../failed.ts'
import { askingHeaders, createEndpoint, type EndpointDeps } from './endpoint.ts'
import { refused, type SubjectTokenValidator } from './subject-token.ts'
import { readTold } from './told.ts'

/** Asks the service that made the token whether it is good, for each exchange anew (RFC 7662 section 2). */
export function createIntrospection(config: IntrospectionConfig, deps: EndpointDeps): SubjectTokenValidator {
  const endpoint = createEndpoint(config.endpoint, 'introspection', deps)
  const credentials = `${formEncode(config.clientId)}:${formEncode(config.clientSecret.reveal())}`
  const headers = {
    ...askingHeaders,
    'content-type': 'application/x-www-form-urlencoded',
    authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
  }
  return {
    issuer: config.issuer,
    close: () => endpoint.close(),
    async validate(token) {
      const body = new URLSearchParams({ token: token.reveal(), token_type_hint: 'access_token' }).toString()
      const asked = await endpoint.ask({ method: 'POST', headers, body })
      if (!asked.ok) return { ...asked.failed, detail: `The introspection call failed. ${asked.failed.detail}` }
      const { answer } = asked
      if (answer.status !== 200) {
        const down = answer.status >= 500 || answer.status === 429
        const hint = down ? '' : ' Are endpoint, clientId and clientSecretFile right?'
        const detail = `The introspection call was answered with status ${answer.status}.${hint}`
        return failed(down ? 'upstream_unavailable' : 'upstream_bad', detail, answer)
      }
      const told = answer.json().value
      if (typeof told !== 'object' || told === null || !('active' in told) || typeof told.active !== 'boolean')
        return failed('upstream_bad', 'The introspection answer has no `active` that is true or false.', answer)
      if (!told.active) return refused('refused_subject_token', 'the service says that it is not active')
      const members = told as Readonly<Record<string, unknown>>
      if (!isAccessToken(members)) return refused('bad_subject_token', 'it is no access token')
      const { issuer, audience } = config
      return readTold(token, members, { telling: config, issuer, audience, expires: false, now: deps.clock() })
    },
  }
}

/** A refresh token is active too, and must not be traded as if it were one that opens something. */
function isAccessToken({ token_type: type, token_use: use, typ }: Readonly<Record<string, unknown>>): boolean {
  const words = [type, use, typ].map((word) => (typeof word === 'string' ? word.toLowerCase() : ''))
  return !words.some((word) => ['refresh', 'refresh_token', 'offline', 'id', 'id_token', 'dpop'].includes(word))
}

/** RFC 6749 section 2.3.1 and appendix B. */
function formEncode(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1)
}
