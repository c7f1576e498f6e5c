import type { Secret } from '../base/secret.ts'
import type { Spot } from './faults.ts'

/** Fields that belong to the connection or are made here (RFC 9110 section 7.6.1, RFC 9112 section 6). */
const connectionHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Headers that a call to an upstream may carry, and why some others may not. */
export function checkHeaderName(spot: Spot, name: string, instead: Readonly<Record<string, string>> = {}): void {
  const lower = name.toLowerCase()
  if (connectionHeaders.has(lower)) spot.fault('this header belongs to the connection and cannot be set')
  const other = Object.hasOwn(instead, lower) ? instead[lower] : undefined
  if (other !== undefined) spot.fault(other)
}

/** A value that goes over the wire unchanged (RFC 9110 section 5.5). Never quoted: it may be a secret. */
export function checkHeaderValue(spot: Spot, value: string | Secret): void {
  const text = typeof value === 'string' ? value : value.reveal()
  if (!/^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(text) || text.trim() !== text) {
    spot.fault('must be a header value: one line of Latin-1 characters, without space at either end')
  }
}

/** Two spellings of one name would make two lines of one header. */
export function checkDistinct(spot: Spot, names: readonly string[], fold: (name: string) => string): void {
  const seen = new Map<string, string>()
  for (const name of names) {
    const other = seen.get(fold(name))
    if (other !== undefined) spot.at(name).fault(`is the same header as \`${other}\`; keep one of them`)
    else seen.set(fold(name), name)
  }
}
