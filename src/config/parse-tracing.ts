import type { TracingConfig } from './config.ts'
import type { Spot } from './faults.ts'
import { checkHeaderName } from './headers.ts'
import type { Options } from './options.ts'
import { readHeaders } from './parse-request.ts'
import type { SecretSources } from './secrets.ts'

export function parseTracing(
  spot: Spot,
  options: NonNullable<Options['tracing']>,
  sources: SecretSources,
): TracingConfig {
  const { propagate = true, endpoint, headers = {}, sample = 1, serviceName = 'postern' } = options
  for (const name of Object.keys(headers)) checkHeaderName(spot.at('headers', name), name)
  return {
    propagate,
    endpoint: endpoint === undefined ? undefined : parseEndpoint(spot.at('endpoint'), endpoint),
    headers: readHeaders(spot.at('headers'), headers, sources, () => undefined),
    sample,
    serviceName,
  }
}

const tracesPath = '/v1/traces'

/** Plain http too: a collector is often beside us, and spans hold no secret. */
function parseEndpoint(spot: Spot, text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    spot.fault('must be an address such as http://127.0.0.1:4318')
    return ''
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    spot.fault('must be without user, query and fragment; what the collector asks for goes into `headers`')
    return ''
  }
  const base = url.href.endsWith('/') ? url.href.slice(0, -1) : url.href
  // As OpenTelemetry's own settings have it: one for every signal, to which this is added, and one for traces, whole.
  return base.endsWith(tracesPath) ? base : `${base}${tracesPath}`
}
