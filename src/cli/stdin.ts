import { text } from 'node:stream/consumers'

/** Milliseconds after which a person who gave nothing is told what is waited for. */
const quiet = 2_000

/** All of stdin. @param what is waited for, and how to give none */
export async function readStdin(what: string): Promise<string> {
  const timer = setTimeout(() => process.stderr.write(`waiting for stdin: ${what}\n`), quiet)
  try {
    return await text(process.stdin)
  } finally {
    clearTimeout(timer)
  }
}
