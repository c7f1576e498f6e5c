import { randomBytes } from 'node:crypto'

/** Ours, never the client's: it stands in the log (security.md LL-04). */
export function requestIds(): () => string {
  const start = randomBytes(6).toString('base64url')
  let count = 0
  return () => `${start}-${(count++).toString(36)}`
}
