import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type ErrorCode,
} from 'yaml'
import type { Path } from './faults.ts'

/** Counted from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

export interface YamlFault extends Position {
  readonly message: string
}

export type YamlReading =
  | {
      readonly ok: true
      readonly value: unknown
      /** Of the key or list item there; of the nearest one above it that exists. */
      locate(path: Path): Position
    }
  | { readonly ok: false; readonly faults: readonly YamlFault[] }

/** The library's own sentences quote the file, which may hold secrets. */
const sentences: Partial<Record<ErrorCode, string>> = {
  DUPLICATE_KEY: 'this key stands in its map twice; keep one of them',
  TAB_AS_INDENT: 'a tab cannot indent; use spaces',
  BAD_INDENT: 'the indentation does not fit the lines above; begin the keys of one map in one column',
  MISSING_CHAR: 'a quote, comma, colon or space is missing here or just before',
  BAD_SCALAR_START: 'a text cannot begin with this character; put it in quotes',
  BAD_DQ_ESCAPE: 'there is no such escape; double the backslash, or use single quotes',
  BAD_ALIAS: 'this anchor or alias has no proper name',
  MULTIPLE_DOCS: 'the file holds more than one document; keep one of them',
  TAG_RESOLVE_FAILED: 'tags mean nothing here; take it out, or put the text in quotes',
  NON_STRING_KEY: 'a key must be a text',
  RESOURCE_EXHAUSTION: 'this is nested too deeply',
}

/** What is wrong and what to do, in our words. */
export const yamlSentence = (code: ErrorCode): string => sentences[code] ?? 'this is not YAML'

/** From an offset of the text that the library reads with this counter. */
export function positionsIn(lines: LineCounter): (offset: number) => Position {
  return (offset) => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
}

/** Aliases may repeat a part a few times, not multiply it (the "billion laughs"). */
const maxAliasCount = 100

/** Reads YAML 1.2 (core schema: `yes`, `no`, `on` and `off` are texts). Never throws. */
export function readYaml(text: string): YamlReading {
  const lines = new LineCounter()
  const at = positionsIn(lines)
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true, version: '1.2' })
  const errors = [...document.errors, ...document.warnings]
  if (errors.length > 0) {
    return {
      ok: false,
      faults: errors.map(({ code, pos }) => ({ ...at(pos[0]), message: yamlSentence(code) })),
    }
  }
  const colours = unquotedColours(document)
  if (colours.length > 0) {
    const message = 'what begins with `#` is a comment; put a colour in quotes'
    return { ok: false, faults: colours.map((offset) => ({ ...at(offset), message })) }
  }
  try {
    const value: unknown = document.toJS({ maxAliasCount })
    return { ok: true, value, locate: (path) => at(offsetOf(document, path)) }
  } catch {
    const message = 'an alias names no anchor above it, or repeats too much; write it out'
    return { ok: false, faults: [{ ...at(firstAlias(document)), message }] }
  }
}

/** `color: #0d5f58` is an empty value with a comment behind it, and nothing would say so. */
function unquotedColours(document: Document): readonly number[] {
  const offsets: number[] = []
  visit(document, {
    Pair(_, { key, value }) {
      const empty = isScalar(value) && value.value === null && value.source === ''
      if (empty && /^[0-9a-f]{3,8}\s*$/i.test(value.comment ?? '')) offsets.push(rangeStart(key) ?? 0)
    },
  })
  return offsets
}

function offsetOf(document: Document.Parsed, path: Path): number {
  let node: unknown = document.contents
  let offset = document.contents?.range[0] ?? 0
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key)
      if (pair === undefined) return offset
      offset = rangeStart(pair.key) ?? offset
      node = pair.value
    } else if (isSeq(node) && typeof key === 'number') {
      node = node.items[key]
      offset = rangeStart(node) ?? offset
    } else return offset
  }
  return offset
}

function rangeStart(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}

function firstAlias(document: Document): number {
  let offset = 0
  visit(document, {
    Alias(_, node) {
      offset = rangeStart(node) ?? 0
      return visit.BREAK
    },
  })
  return offset
}
