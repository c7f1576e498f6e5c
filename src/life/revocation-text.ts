import { isMap, isNode, isScalar, LineCounter, parseDocument, stringify, type Document } from 'yaml'
import { formatPath } from '../config/faults.ts'
import { positionsIn, yamlSentence, type YamlFault } from '../config/yaml-file.ts'
import { noRevocations, type RevocationList } from './revocations.ts'

export type RevocationsResult =
  | { readonly ok: true; readonly list: RevocationList }
  /** In the order of the file. */
  | { readonly ok: false; readonly faults: readonly YamlFault[] }

const isoInstant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/
const members = ['notBefore', 'subjects', 'sessions'] as const

/** Text of a revocations file to the list. Never throws; every fault at once. An empty text is an empty list. */
export function parseRevocations(text: string): RevocationsResult {
  const lines = new LineCounter()
  const at = positionsIn(lines)
  let document: Document.Parsed
  try {
    // As texts, so that a time in YAML's own notation and one in quotes are the same. The library looks for repeated keys
    // in a time that grows with the square of their number.
    document = parseDocument(text, {
      schema: 'failsafe',
      uniqueKeys: false,
      stringKeys: true,
      prettyErrors: false,
      lineCounter: lines,
    })
  } catch {
    return { ok: false, faults: [{ ...at(0), message: 'this is not YAML' }] }
  }
  if (document.errors.length > 0) {
    const faults = document.errors.map(({ code, pos }) => ({ ...at(pos[0]), message: yamlSentence(code) }))
    return { ok: false, faults }
  }
  const faults: YamlFault[] = []
  const fault = (node: unknown, message: string) => {
    const offset = isNode(node) ? node.range?.[0] : undefined
    faults.push({ ...at(offset ?? 0), message })
  }

  /** Name, key and value of each pair. */
  function* pairs(map: unknown, path: readonly string[]) {
    const seen = new Set<string>()
    for (const { key, value } of isMap(map) ? map.items : []) {
      if (!isScalar(key)) {
        fault(key, yamlSentence('NON_STRING_KEY'))
        continue
      }
      const name = String(key.value)
      if (seen.has(name)) fault(key, `${formatPath([...path, name])}: stands in its map twice; keep one of them`)
      seen.add(name)
      yield { name, key, value }
    }
  }
  function time(path: readonly string[], key: unknown, value: unknown): number | undefined {
    const given = isScalar(value) ? value.value : undefined
    const found = typeof given === 'string' && isoInstant.test(given) ? Date.parse(given) : Number.NaN
    if (!Number.isNaN(found)) return found
    fault(key, `${formatPath(path)}: must be a time in ISO 8601, such as 2026-11-24T12:00:00Z`)
    return undefined
  }
  function times(member: string, key: unknown, value: unknown): ReadonlyMap<string, number> {
    const found = new Map<string, number>()
    if (!isMap(value) && !isNothing(value)) fault(key, `${member}: must be a map to times`)
    for (const one of pairs(value, [member])) {
      const instant = time([member, one.name], one.key, one.value)
      if (instant !== undefined) found.set(one.name, instant)
    }
    return found
  }

  const { contents } = document
  if (!isMap(contents) && !isNothing(contents)) fault(contents, `must be a map of ${listed}`)
  let list = noRevocations
  for (const { name, key, value } of pairs(contents, [])) {
    if (name === 'subjects' || name === 'sessions') list = { ...list, [name]: times(name, key, value) }
    else if (name !== 'notBefore') fault(key, `${formatPath([name])}: is not one of ${listed}`)
    else if (!isNothing(value)) list = { ...list, notBefore: time([name], key, value) }
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, list }
}

const listed = `${members.slice(0, -1).join(', ')} and ${members.at(-1)}`

/** Also an empty text in quotes. */
function isNothing(node: unknown): boolean {
  return node === null || (isScalar(node) && (node.value === '' || node.value === null))
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
