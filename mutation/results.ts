import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { core } from './folders.ts'

/** A change that no test noticed. Known by its text and not by its line, so that it is still known when lines move. */
export interface Survivor {
  readonly file: string
  readonly mutator: string
  /** The code as it is, white space folded. */
  readonly code: string
  /** What it was changed to. */
  readonly becomes: string
  /** Whether any test came by. */
  readonly covered: boolean
}

export interface Counts {
  readonly mutants: number
  readonly killed: number
  readonly timedOut: number
  readonly survived: number
  readonly notCovered: number
}

export interface Measured extends Counts {
  readonly date: string
  /** Of the file as it was then. */
  readonly digest: string
}

export interface Result {
  readonly tool: string
  readonly files: Readonly<Record<string, Measured>>
  readonly survivors: readonly Survivor[]
}

interface Position {
  readonly line: number
  readonly column: number
}

interface Mutant {
  readonly mutatorName: string
  readonly replacement: string
  readonly status: string
  readonly location: { readonly start: Position; readonly end: Position }
}

/** The parts that are read here of mutation-testing-report-schema, version 2. */
interface Report {
  readonly framework: { readonly version: string }
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>
}

const root = new URL('../', import.meta.url)
const folder = new URL('results/', import.meta.url)

function folded(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

/** Lines and columns count from 1. */
function textAt(source: string, { start, end }: Mutant['location']): string {
  const lines = source.split('\n').slice(start.line - 1, end.line)
  const last = lines.length - 1
  return lines
    .map((line, index) => line.slice(index === 0 ? start.column - 1 : 0, index === last ? end.column - 1 : undefined))
    .join('\n')
}

function counts(mutants: readonly Mutant[]): Counts {
  const of = (...statuses: readonly string[]) => mutants.filter(({ status }) => statuses.includes(status)).length
  return {
    mutants: mutants.length,
    // A program that no longer starts ends with an error and without a failed test.
    killed: of('Killed', 'RuntimeError', 'CompileError'),
    timedOut: of('Timeout'),
    survived: of('Survived'),
    notCovered: of('NoCoverage'),
  }
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}

/**
 * What was measured before of the other files of that folder stays; of files that are gone it does not.
 *
 * @param asked files that were to be mutated; in some there is nothing to change
 */
export function writeResult(name: string, report: Report, asked: readonly string[]): void {
  const date = new Date().toISOString().slice(0, 10)
  const files = asked.map((file) => {
    const found = report.files[file]
    return [file, found ?? { source: readFileSync(new URL(file, root), 'utf8'), mutants: [] }] as const
  })
  const before = readResults().get(name)
  const isKept = (file: string) => !asked.includes(file) && existsSync(new URL(file, root))
  const measured = files.map(
    ([file, { source, mutants }]) => [file, { ...counts(mutants), date, digest: digestOf(source) }] as const,
  )
  const survivors = files.flatMap(([file, { source, mutants }]) =>
    mutants
      .filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
      .map((mutant) => ({
        file,
        mutator: mutant.mutatorName,
        code: folded(textAt(source, mutant.location)),
        becomes: folded(mutant.replacement),
        covered: mutant.status === 'Survived',
      })),
  )
  const kept = Object.entries(before?.files ?? {}).filter(([file]) => isKept(file))
  const result: Result = {
    tool: report.framework.version,
    files: Object.fromEntries([...kept, ...measured].toSorted(([one], [other]) => (one < other ? -1 : 1))),
    survivors: [...(before?.survivors ?? []).filter(({ file }) => isKept(file)), ...survivors].toSorted((one, other) =>
      one.file < other.file ? -1 : Number(one.file > other.file),
    ),
  }
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(result, undefined, 2)}\n`)
}

/** The last result of each folder, by name. */
export function readResults(): ReadonlyMap<string, Result> {
  const names = globSync('*.json', { cwd: folder }).toSorted()
  return new Map(
    names.map((name) => [name.replace('.json', ''), JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Result]),
  )
}

/** Files of the core that no result speaks of as they are now; also one that no group of `folders.ts` names. */
export function staleFiles(results: ReadonlyMap<string, Result>): readonly string[] {
  const measured = new Map([...results.values()].flatMap(({ files }) => Object.entries(files)))
  return globSync(core, { cwd: root })
    .filter((file) => measured.get(file)?.digest !== digestOf(readFileSync(new URL(file, root), 'utf8')))
    .toSorted()
}
