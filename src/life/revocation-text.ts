import { isScalar, parseDocument, stringify, visit } from 'yaml'
import { noRevocations, type RevocationList } from './revocations.ts'

export type RevocationsResult =
  | { readonly ok: true; readonly list: RevocationList }
  | { readonly ok: false; readonly faults: readonly string[] }

const isoInstant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/
const members = ['notBefore', 'subjects', 'sessions'] as const

/** Text of a revocations file to the list. Never throws; every fault at once. An empty text is an empty list. */
export function parseRevocations(text: string): RevocationsResult {
  let value: unknown
  try {
    // As texts, so that a time in YAML's own notation and one in quotes are the same. The library looks for repeated keys
    // in a time that grows with the square of their number.
    const document = parseDocument(text, { schema: 'failsafe', uniqueKeys: false, stringKeys: true })
    if (document.errors.length > 0) return { ok: false, faults: ['this is not YAML'] }
    const repeated = repeatedKey(document)
    if (repeated !== undefined) return { ok: false, faults: [`${repeated}: stands in its map twice`] }
    // An alias repeats, it never helps here.
    value = document.toJS({ maxAliasCount: 0 }) ?? {}
  } catch {
    return { ok: false, faults: ['this is not YAML'] }
  }
  if (!isObject(value))
    return value === ''
      ? { ok: true, list: noRevocations }
      : { ok: false, faults: ['must be a map of notBefore, subjects and sessions'] }
  const faults = Object.keys(value).flatMap((name) =>
    members.some((one) => one === name) ? [] : [`${name}: is not one of ${members.join(', ')}`],
  )

  const time = (path: string, given: unknown): number | undefined => {
    const at = typeof given === 'string' && isoInstant.test(given) ? Date.parse(given) : Number.NaN
    if (!Number.isNaN(at)) return at
    faults.push(`${path}: must be a time in ISO 8601, such as 2026-11-24T12:00:00Z`)
    return undefined
  }
  const times = (name: string, given: unknown): ReadonlyMap<string, number> => {
    const found = new Map<string, number>()
    if (given === undefined || given === '') return found
    if (!isObject(given)) {
      faults.push(`${name}: must be a map to times`)
      return found
    }
    for (const [key, one] of Object.entries(given)) {
      const at = time(`${name}.${key}`, one)
      if (at !== undefined) found.set(key, at)
    }
    return found
  }

  const list = {
    notBefore:
      value['notBefore'] === undefined || value['notBefore'] === '' ? undefined : time('notBefore', value['notBefore']),
    subjects: times('subjects', value['subjects']),
    sessions: times('sessions', value['sessions']),
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, list }
}

function repeatedKey(document: ReturnType<typeof parseDocument>): string | undefined {
  let repeated: string | undefined
  visit(document, {
    Map(_key, { items }) {
      const seen = new Set<unknown>()
      for (const { key } of items) {
        const name = isScalar(key) ? key.value : key
        if (seen.has(name)) repeated = String(name)
        seen.add(name)
      }
      return repeated === undefined ? undefined : visit.BREAK
    },
  })
  return repeated
}

/** What {@link parseRevocations} reads. */
export function revocationsText(list: RevocationList): string {
  const iso = (at: number) => new Date(at).toISOString()
  const map = (times: ReadonlyMap<string, number>) => Object.fromEntries([...times].map(([key, at]) => [key, iso(at)]))
  return stringify({
    ...(list.notBefore === undefined ? {} : { notBefore: iso(list.notBefore) }),
    subjects: map(list.subjects),
    sessions: map(list.sessions),
  })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
