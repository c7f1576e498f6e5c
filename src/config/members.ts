import { PosternError } from '../base/errors.ts'
import { nearest } from './nearest.ts'

/** What a member may hold: a switch is `true` or `false`, and nothing that only looks like it; a list, one of its texts. */
export type Member = 'switch' | 'any' | readonly string[]

/**
 * Where no types are asked, a slip in a name would leave a switch for safety off, and nobody would see it.
 *
 * @param what whose members they are, for the message
 * @throws PosternError `POSTERN_CONFIG_INVALID` with every fault at once
 */
export function checkMembers(what: string, given: object, known: Readonly<Record<string, Member>>): void {
  const lines = Object.entries(given).flatMap(([name, value]: [string, unknown]) => {
    if (!Object.hasOwn(known, name)) return [`${name}: ${unknown(name, Object.keys(known))}`]
    const member = known[name]
    if (value === undefined || member === undefined || member === 'any') return []
    if (member === 'switch') return typeof value === 'boolean' ? [] : [`${name}: must be true or false`]
    const good = typeof value === 'string' && member.includes(value)
    return good ? [] : [`${name}: must be one of ${member.map((one) => `\`${one}\``).join(', ')}`]
  })
  if (lines.length === 0) return
  throw new PosternError(
    'POSTERN_CONFIG_INVALID',
    [`${what} has faults.`, ...lines.map((line) => `  ${line}`)].join('\n'),
  )
}

function unknown(name: string, known: readonly string[]): string {
  const meant = nearest(name, known)
  return meant === undefined
    ? `is not known here; known are ${known.map((one) => `\`${one}\``).join(', ')}`
    : `is not known here; did you mean \`${meant}\`?`
}
