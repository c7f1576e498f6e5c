import type { Options } from '../../src/config/options.ts'
import { serviceOptions } from '../support/service.ts'

/** A configuration of which only one thing matters. */
export function loopbackOptions(publicUrl: string, origin = 'http://127.0.0.1:9', timeout = '2s'): Options {
  return {
    publicUrl,
    upstreams: { accounts: { ...serviceOptions(origin), timeout } },
  }
}
