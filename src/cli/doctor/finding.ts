/** One thing that was looked at. */
export interface Finding {
  /** Of what it is said, such as `upstream accounts`. */
  readonly about: string
  /** `warn`: it runs, and somebody will be surprised. `fault`: it does not do what it should. */
  readonly verdict: 'ok' | 'warn' | 'fault'
  readonly says: string
  /** The next thing to try. */
  readonly next: string | undefined
}

/** Findings about one thing. */
export function findingsAbout(about: string) {
  return {
    ok: (says: string): Finding => ({ about, verdict: 'ok', says, next: undefined }),
    warn: (says: string, next: string): Finding => ({ about, verdict: 'warn', says, next }),
    fault: (says: string, next: string): Finding => ({ about, verdict: 'fault', says, next }),
  }
}
