import { errorCode } from '../base/error-code.ts'
import { unwritableHint } from '../base/unwritable.ts'

/** Exit codes of every command. */
export const exits = {
  good: 0,
  /** Faults were found, or something failed. */
  faults: 1,
  /** Bad usage, or a file that is missing. */
  usage: 2,
} as const

export type Exit = (typeof exits)[keyof typeof exits]

/** What a person at the terminal is told instead of a stack trace. */
export class CommandFault extends Error {
  override readonly name = 'CommandFault'
  readonly exit: Exit

  constructor(message: string, exit: Exit = exits.faults) {
    super(message)
    this.exit = exit
  }
}

/** What cannot be written, in one sentence; anything else is thrown as it is. */
export function unwritable(where: string, error: unknown): unknown {
  const code = errorCode(error)
  return code === undefined
    ? error
    : new CommandFault(`${where}: cannot be written (${code}). Nothing was changed. ${unwritableHint(code)}`)
}
