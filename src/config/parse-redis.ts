import { Secret } from '../base/secret.ts'
import type { RedisConfig } from './config.ts'
import { duration, second } from './duration.ts'
import type { Spot } from './faults.ts'
import type { Options } from './options.ts'
import { readSecretText, type SecretSources } from './secrets.ts'

export function parseRedis(
  spot: Spot,
  options: NonNullable<NonNullable<Options['facts']>['redis']> | undefined,
  sources: SecretSources,
): RedisConfig | undefined {
  if (options === undefined) return undefined
  const { url, username, password, prefix = 'postern:', timeout = '250ms' } = options
  if (!URL.canParse(url)) spot.at('url').fault('is no address')
  const secret = password === undefined ? undefined : readSecretText(spot.at('password'), password, sources)
  return {
    url,
    username,
    password: typeof secret === 'string' ? new Secret(secret) : secret,
    prefix,
    timeout: duration(spot.at('timeout'), timeout, { least: 10, most: 5 * second }),
  }
}
