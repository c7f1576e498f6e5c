import { Secret } from '../base/secret.ts'
import type { Place } from '../config/upstream.ts'
import type { Answer } from './answer.ts'
import type { Variables } from './fill.ts'
import { parseJson, valueAt } from './json.ts'

/** Everything that a place may point into. */
export interface Source {
  readonly answer: Answer
  /** What was typed, by field. */
  readonly variables: Variables
  /** Undefined: there is none yet, or the answer's own one is being looked for. */
  readonly token: string | undefined
}

/** The value there, of whatever type, or undefined. */
export function find(place: Place, source: Source): unknown {
  const { answer } = source
  switch (place.from) {
    case 'json':
      return valueAt(answer.json().value, place.segments)
    case 'jwt':
      return source.token === undefined ? undefined : valueAt(payloadOf(source.token), place.segments)
    case 'field': {
      const typed = source.variables.get(place.name)
      return typed instanceof Secret ? typed.reveal() : typed
    }
    case 'header':
      return headerAt(answer.headers.get(place.name.toLowerCase()) ?? [], place.scheme)
    case 'cookie': {
      const value = answer.cookies.get(place.name)?.value
      return value === undefined || !place.decode ? value : decoded(value)
    }
    case 'cookies': {
      const pairs = place.names.map((name) => [name, answer.cookies.get(name)?.value] as const)
      // Half a bundle would be sent as if it were whole.
      return pairs.every(([, value]) => value !== undefined)
        ? pairs.map(([name, value]) => `${name}=${value}`).join('; ')
        : undefined
    }
    case 'text':
      return textAt(answer.text)
  }
}

/** Two lines that differ name no value. */
function headerAt(lines: readonly string[], scheme: string | undefined): string | undefined {
  const [line, ...others] = new Set(lines)
  if (line === undefined || others.length > 0) return undefined
  if (scheme === undefined) return line.trim()
  const [word = '', ...rest] = line.trim().split(' ')
  // A scheme is compared without regard to case (RFC 9110 section 11.1).
  return word.toLowerCase() === scheme.toLowerCase() ? rest.join(' ').trim() : undefined
}

function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value)
  } catch {
    return undefined
  }
}

/** One word. A page or a document at status 200 is not a token because the whole body was asked for (security.md LG-08). */
function textAt(text: string | undefined): string | undefined {
  const trimmed = text?.trim()
  return trimmed === undefined || /[\s<>{}]/.test(trimmed) ? undefined : trimmed
}

/** The payload of a JWT (RFC 7519 section 3), unverified: it came over TLS from the service that made it. */
function payloadOf(token: string): unknown {
  const parts = token.split('.')
  return parts.length === 3 ? parseJson(Buffer.from(parts[1] ?? '', 'base64url').toString()).value : undefined
}
