import { loggedError } from '../observe/logged-error.ts'

/** What is said of a fault that nobody foresaw. Without the message: it may quote a secret. */
export function unforeseen(error: unknown): string {
  const { name, code, stack = [] } = loggedError(error)
  const what = code === undefined ? name : `${name} ${code}`
  return [`Something went wrong here: ${what}`, ...stack.map((line) => `  ${line}`), ''].join('\n')
}

function sayAndEnd(error: unknown): void {
  process.stderr.write(unforeseen(error))
  process.exit(1)
}

/**
 * Node's own last words quote the message of what nobody caught, and everything that hangs on it: a request, its
 * headers, a token (security.md LL-01). These do not. A rejection that nobody caught ends here as well.
 */
export function keepLastWordsShort(): void {
  process.on('uncaughtException', sayAndEnd)
}

/** For whoever has something to close first, and words of its own. */
export function leaveLastWords(): void {
  process.off('uncaughtException', sayAndEnd)
}
