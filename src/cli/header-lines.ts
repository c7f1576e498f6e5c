import { CommandFault, exits } from './faults.ts'
import { readStdin } from './stdin.ts'

/** A line of stdin, name in lower case. */
export interface HeaderLine {
  readonly name: string
  readonly value: string
}

/**
 * `Cookie: …` or `Authorization: …`, and `DPoP: …`, one a line; secrets are never arguments. A terminal is not waited for.
 *
 * @param also names in lower case, of what else may stand there
 */
export async function readHeaderLines(also: readonly string[] = []): Promise<readonly HeaderLine[]> {
  if (process.stdin.isTTY) return []
  const lines = (await readStdin('a credential, one header a line; for none: < /dev/null'))
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
  return lines.map((line) => headerLine(line, also) ?? refuse())
}

const names = new Set(['cookie', 'authorization', 'dpop'])

/** Undefined for a line that is none. */
export function headerLine(line: string, also: readonly string[] = []): HeaderLine | undefined {
  const [before = '', ...after] = line.split(':')
  const name = before.trim().toLowerCase()
  const value = after.join(':').trim()
  return (names.has(name) || also.includes(name)) && /^[\t\u0020-\u007e\u0080-\u00ff]+$/.test(value)
    ? { name, value }
    : undefined
}

function refuse(): never {
  // It may be a secret, so it is not repeated.
  throw new CommandFault(
    'Each line on stdin must be a credential as it stands in a request: Cookie: NAME=VALUE, or Authorization: Bearer TOKEN; a proof is DPoP: PROOF',
    exits.usage,
  )
}
