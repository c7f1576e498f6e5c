import type { SessionConfig } from './config.ts'
import { day, duration, formatDuration, hour, minute, second } from './duration.ts'
import type { Spot } from './faults.ts'
import type { Options } from './options.ts'

type SessionOptions = NonNullable<Options['session']>

/** What `verify` lets a token live at most (security.md TV-08). */
export const tokenLife = { least: second, most: 24 * hour, because: 'no token is accepted that lives longer' } as const

export function parseSession(spot: Spot, options: SessionOptions, secure: boolean): SessionConfig {
  const tokenTtl = duration(spot.at('tokenTtl'), options.tokenTtl ?? '5m', tokenLife)
  const idleTimeout = duration(spot.at('idleTimeout'), options.idleTimeout ?? '30m')
  const absoluteTimeout = duration(spot.at('absoluteTimeout'), options.absoluteTimeout ?? '8h', {
    most: 400 * day,
    because: 'no browser keeps a cookie longer',
  })
  if (tokenTtl > idleTimeout)
    spot.at('tokenTtl').fault(`must be at most \`idleTimeout\`, which is ${formatDuration(idleTimeout)}`)
  if (idleTimeout > absoluteTimeout)
    spot.at('idleTimeout').fault(`must be at most \`absoluteTimeout\`, which is ${formatDuration(absoluteTimeout)}`)
  const deviceBound = options.deviceBound ?? 'off'
  if (deviceBound !== 'off') {
    if (!secure)
      spot.at('deviceBound').fault('needs a `publicUrl` with https: browsers bind no session over plain http')
    if (tokenTtl <= 2 * minute)
      spot
        .at('tokenTtl')
        .fault('must be over 2m with `deviceBound`: browsers refresh that long ahead, so at every request; 5m is right')
  }
  return {
    tokenTtl,
    idleTimeout,
    absoluteTimeout,
    renewWait: duration(spot.at('renewWait'), options.renewWait ?? '500ms', { most: minute }),
    uncheckedTimeout: duration(spot.at('uncheckedTimeout'), options.uncheckedTimeout ?? '1h'),
    recheckEvery:
      options.recheckEvery === undefined ? tokenTtl : duration(spot.at('recheckEvery'), options.recheckEvery),
    maxSockets: options.maxSockets ?? 100,
    deviceBound,
    cookie: parseCookie(spot.at('cookie'), options.cookie ?? {}, secure),
  }
}

/** The prefix has browsers refuse the cookie from anywhere but this very host (RFC 6265bis section 4.1.3.2). */
function parseCookie(
  spot: Spot,
  options: NonNullable<SessionOptions['cookie']>,
  secure: boolean,
): SessionConfig['cookie'] {
  const full = (base: string) => (secure ? `__Host-${base}` : base)
  const base = options.name ?? 'postern'
  if (/^__(host|secure)-/i.test(base)) spot.at('name').fault('the prefix is added by itself; take it out')
  const taken = new Set([base, `${base}-upt`, `${base}-out`, `${base}-device`])
  const formerNames = (options.formerNames ?? []).map((former, index) => {
    if (former === base) spot.at('formerNames', index).fault('is the name that the cookie has now; take it out')
    else if (taken.has(former))
      spot.at('formerNames', index).fault('is the name of another cookie of ours, or stands here twice')
    taken.add(former)
    return full(former)
  })
  return {
    name: full(base),
    sealedName: full(`${base}-upt`),
    outName: full(`${base}-out`),
    // It goes to two addresses only, and `__Host-` would want it to go to all.
    deviceName: secure ? `__Secure-${base}-device` : `${base}-device`,
    sameSite: options.sameSite ?? 'lax',
    formerNames,
  }
}
