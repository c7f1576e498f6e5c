/** What may be said of an error: its message may quote a token, a password or a header, so it stays out. */
export interface LoggedError {
  readonly name: string
  readonly code?: string
  /** Where it was made, the innermost first. */
  readonly stack?: readonly string[]
}

/** @param error anything that was thrown */
export function loggedError(error: unknown): LoggedError {
  if (!(error instanceof Error)) return { name: typeof error }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const stack = framesOf(error)
  return { name: error.name, ...(code === undefined ? {} : { code }), ...(stack.length === 0 ? {} : { stack }) }
}

const mostFrames = 12

/** `at`, perhaps what was called, and a place in a file: nothing that was made of a value. */
const frame = /^ {4}at (?:[\w.<>$ [\]#]{1,120} \()?(?:file:\/\/\/|node:|\/|[A-Z]:\\)[^\s()]{1,240}:\d+:\d+\)?$/

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
    .filter((line) => frame.test(line))
    .slice(0, mostFrames)
    .map((line) => line.trim())
}
