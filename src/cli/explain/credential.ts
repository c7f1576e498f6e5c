import type { RouteConfig } from '../../config/config.ts'
import { readCredentials } from '../../life/credentials.ts'
import type { HeaderLine } from '../header-lines.ts'
import type { Rehearsal } from './rehearsal.ts'
import type { Target } from './request.ts'

export type Carrier = 'nothing' | 'cookie' | 'bearer' | 'dpop' | 'two credentials'

/** Whom the credential speaks for, whatever the rules about other sites say. */
export async function authenticated(
  { gate }: Rehearsal,
  { method, target: url }: Target,
  credential: readonly HeaderLine[],
  route: RouteConfig | undefined,
) {
  const lines = credential.filter(({ name }) => name === 'cookie' || route?.authorization !== 'passthrough')
  const cookies = lines.filter(({ name }) => name === 'cookie').map(({ value }) => value)
  const authorization = lines.find(({ name }) => name === 'authorization')?.value
  const headers = {
    ...(cookies.length === 0 ? {} : { cookie: cookies.join('; ') }),
    ...(authorization === undefined ? {} : { authorization }),
  }
  const rawHeaders = lines.flatMap(({ name, value }) => [name, value])
  const found = await gate.authenticate(
    { method, headers, rawHeaders, url },
    { renew: 'never', anyOrigin: true, ...(route === undefined ? {} : { dpop: route.dpop, host: route.host }) },
  )
  const brought = readCredentials(headers, rawHeaders, gate.config.session.cookie)
  const carrier: Carrier =
    brought.kind === 'none'
      ? 'nothing'
      : brought.kind === 'conflict'
        ? 'two credentials'
        : brought.kind === 'cookie'
          ? 'cookie'
          : brought.scheme
  return { found, carrier, sealed: brought.kind === 'cookie' ? brought.sealed : undefined }
}
