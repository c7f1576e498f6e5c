import { errorCode } from '../base/error-code.ts'
import { PosternError } from '../base/errors.ts'
import { unwritableHint } from '../base/unwritable.ts'
import { loggedError } from '../observe/logged-error.ts'

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

/** An error for the log. The message of one that is not ours may quote a secret. */
export function sentences(error: unknown): string {
  if (error instanceof CommandFault || error instanceof PosternError) return error.message
  const { name, code } = loggedError(error)
  return code === undefined ? name : `${name} ${code}`
}
