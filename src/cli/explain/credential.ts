import type { RouteConfig } from '../../config/config.ts'
import { readCredentials } from '../../life/credentials.ts'
import type { HeaderLine } from '../header-lines.ts'
import type { Rehearsal } from './rehearsal.ts'

export type Carrier = 'nothing' | 'cookie' | 'bearer' | 'dpop' | 'two credentials'

/** Whom the credential speaks for, whatever the request is: with a method that no rule about other sites looks at. */
export async function authenticated(
  { gate }: Rehearsal,
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
  const found = await gate.authenticate({ method: 'GET', headers, rawHeaders }, { renew: 'never' })
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
