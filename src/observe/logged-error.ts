import { errorCode } from '../base/error-code.ts'

/** What may be said of an error: its message may quote a token, a password or a header, so it stays out. */
export interface LoggedError {
  readonly name: string
  readonly code?: string
  /** Where it was made, the innermost first. */
  readonly stack?: readonly string[]
}

/** What was made here: a logger with a serializer of its own meets it again, and is to leave it as it is. */
const made = new WeakSet<object>()

/** @param error anything that was thrown, or what this made of it */
export function loggedError(error: unknown): LoggedError {
  if (typeof error === 'object' && error !== null && made.has(error)) return error as LoggedError
  const logged = told(error)
  made.add(logged)
  return logged
}

function told(error: unknown): LoggedError {
  if (!(error instanceof Error)) return { name: typeof error }
  try {
    const code = errorCode(error)
    const stack = framesOf(error)
    return { name: nameOf(error), ...(code === undefined ? {} : { code }), ...(stack.length === 0 ? {} : { stack }) }
  } catch {
    // Its members are getters that throw, or no texts.
    return { name: 'Error' }
  }
}

/** Anybody may write to it, so it is said only where it looks like the name of a class. */
function nameOf({ name }: Error): string {
  return typeof name === 'string' && /^[A-Za-z]{1,40}$/.test(name) ? name : 'Error'
}

const mostFrames = 12

const longestFrame = 400

/** `at`, perhaps what was called, and a place in a file: nothing that was made of a value. */
const frame = /^ {4}at (?:[\w.<>$ [\]#]+ \()?(?:file:\/\/\/(?:[A-Z]:\/)?|node:|\/|[A-Z]:\\)[^\s():]+:\d+:\d+\)?$/

/**
 * The frames behind the message. Where the message does not stand at the head of the stack as it is now, there is no
 * telling where it ends, and nothing is said: a message may have lines that look like frames.
 */
function framesOf({ message, stack = '' }: Error): readonly string[] {
  const name = /^[\w.$]*(?: \[\w+\])?/.exec(stack)?.[0] ?? ''
  const head = `${name}${message === '' ? '' : `: ${message}`}\n`
  if (!stack.startsWith(head)) return []
  return stack
    .slice(head.length)
    .split('\n')
    .filter((line) => line.length <= longestFrame && frame.test(line))
    .slice(0, mostFrames)
    .map((line) => line.trim())
}
