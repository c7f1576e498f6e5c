/** What came of one request. Everything but the first two and `told to wait` is counted against a goal. */
export const outcomes = [
  'good',
  /** Refused as it has to be: no session, a token that has ended, a session that was signed out. */
  'refused',
  /** 503 while the login service is down, and the token that was sent has ended. */
  'told to wait',
  /** Refused because the token was signed by a key that was withdrawn. */
  'withdrawn key',
  'failed',
  /** A request that may not be sent twice, at a replica that was killed or frozen while it had it. */
  'in flight',
  /** A valid session was taken for none. */
  'session lost',
  /** Anything but the expected answer, such as 200 without a session. */
  'wrong answer',
  /** The answer was for another person. */
  'somebody else',
] as const

export type Outcome = (typeof outcomes)[number]

/** Those of which there may be none. */
const goals = ['failed', 'session lost', 'wrong answer', 'somebody else'] as const satisfies readonly Outcome[]

export interface Noted {
  readonly outcome: Outcome
  /** Who asked for what. */
  readonly what: string
  readonly status?: number
  /** From the answer. */
  readonly code?: string
  readonly requestId?: string
}

export interface Tally {
  /** The name under which requests are counted that begin from now on. */
  phase: string
  /** @param phase when the request began */
  note(phase: string, noted: Noted): void
  readonly requests: number
  count(outcome: Outcome): number
  /** Goals that were missed, by name. */
  missed(): readonly string[]
  /** One line for each phase. */
  table(): string
  /** One line for each sort of what was not good. @param reasonOf the gateway's own, by the id of the request */
  explain(reasonOf: (requestId: string) => string | undefined): string
}

export function createTally(): Tally {
  const counts = new Map<string, Map<Outcome, number>>()
  const bad: (Noted & { readonly phase: string })[] = []
  let requests = 0

  const rowOf = (phase: string) => {
    const row = counts.get(phase) ?? new Map<Outcome, number>()
    counts.set(phase, row)
    return row
  }
  const sum = (outcome: Outcome) => [...counts.values()].reduce((all, row) => all + (row.get(outcome) ?? 0), 0)

  return {
    phase: 'start',
    note(phase, noted) {
      requests += 1
      const row = rowOf(phase)
      row.set(noted.outcome, (row.get(noted.outcome) ?? 0) + 1)
      if (noted.outcome !== 'good' && noted.outcome !== 'refused') bad.push({ ...noted, phase })
    },
    get requests() {
      return requests
    },
    count: sum,
    missed: () => goals.filter((goal) => sum(goal) > 0),
    table() {
      const head = ['phase', 'requests', ...outcomes]
      const rows = [...counts].map(([phase, row]) => {
        const cells = outcomes.map((outcome) => row.get(outcome) ?? 0)
        return [phase, cells.reduce((all, one) => all + one, 0), ...cells].map(String)
      })
      const all = ['all', requests, ...outcomes.map(sum)].map(String)
      return aligned([head, ...rows, all])
    },
    explain(reasonOf) {
      const sorts = new Map<string, number>()
      for (const { phase, outcome, what, status, code, requestId } of bad) {
        const reason = requestId === undefined ? undefined : reasonOf(requestId)
        const words = [outcome, what, status, code, reason].filter((word) => word !== undefined)
        const sort = `${phase}: ${words.join(' · ')}`
        sorts.set(sort, (sorts.get(sort) ?? 0) + 1)
      }
      return [...sorts].map(([sort, count]) => `${String(count).padStart(5)} × ${sort}`).join('\n')
    },
  }
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n')
}
