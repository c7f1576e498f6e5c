/**
 * Writes `docs/mutation.md` from the last result of each folder and from the explanations.
 *
 *     node mutation/report.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parse } from 'yaml'
import { readResults, staleFiles, type Counts, type Result, type Survivor } from './results.ts'

interface Explanation {
  readonly code: string
  readonly becomes: string
  readonly why: string
}

type Explanations = Readonly<Record<string, readonly Explanation[]>>

const root = new URL('../', import.meta.url)

const intro = `# Mutation tests

<!-- Written by mutation/report.ts from mutation/results and mutation/survivors.yaml. -->

A line that a test runs is not yet a line that a test holds. So the code is changed in small ways, one at a time: a comparison turned round,
a condition made always true, a block emptied, a text made empty. Each change ("mutant") that no test notices is a rule that nobody holds, or no
rule at all. [Stryker](https://stryker-mutator.io) makes the changes and runs the tests.

\`\`\`sh
npm run mutation -- token              # one group of mutation/folders.ts; without a name, all of them
npm run mutation -- src/life/renew.ts  # one file
npm run mutation -- changed            # the files that were changed since they were measured
\`\`\`

It takes minutes, so it is no part of \`npm test\`, and what it needs is installed in \`mutation/\` by itself the first time.
The tests it runs are those of \`mutation/folders.ts\`: the quick ones. A mutant that survives here may well be noticed by the others (contract, wire,
browser). The command fails where a survivor has no reason in \`mutation/survivors.yaml\`.

Killed: a test failed, or the program no longer started. Timed out: the tests did not end, which is noticed too; the process that is stuck is
ended, and the next mutant gets another. A file of \`src/decide.ts\`, \`src/token\`, \`src/keys\`, \`src/route\` and \`src/life\` that was not measured, or was
changed since, is named at the end of the command. A file with types only has nothing to change.
`

function explained(survivor: Survivor, all: Explanations): Explanation | undefined {
  return all[survivor.file]?.find(({ code, becomes }) => code === survivor.code && becomes === survivor.becomes)
}

function inline(text: string): string {
  const short = text.length > 100 ? `${text.slice(0, 100)}…` : text
  const ticks = short.includes('`') ? '``' : '`'
  return `${ticks}${ticks.length > 1 ? ` ${short} ` : short}${ticks}`
}

function inAll(results: ReadonlyMap<string, Result>): string {
  const files = [...results.values()].flatMap((result) => Object.values(result.files))
  const sum = (of: (counts: Counts) => number) =>
    files.reduce((all, counts) => all + of(counts), 0).toLocaleString('en')
  const noticed = sum(({ killed, timedOut }) => killed + timedOut)
  const left = sum(({ survived, notCovered }) => survived + notCovered)
  return `In all: ${sum(({ mutants }) => mutants)} mutants in ${files.length} files; ${noticed} were noticed, ${left} are left.`
}

/** False where a survivor is not explained. */
export function writeReport(): boolean {
  const explanations = (parse(readFileSync(new URL('survivors.yaml', import.meta.url), 'utf8'), { merge: true }) ??
    {}) as Explanations
  const lines = [intro]
  const open: Survivor[] = []
  const used = new Set<Explanation>()
  const results = readResults()
  const stale = new Set(staleFiles(results))
  lines.push(`${inAll(results)}\n`)
  for (const [name, { tool, files, survivors }] of results) {
    lines.push(
      `## ${name}`,
      '',
      `Stryker ${tool}.`,
      '',
      '| file | mutants | killed | timed out | survived | not covered | measured |',
      '|---|---|---|---|---|---|---|',
      ...Object.entries(files).map(
        ([file, one]) =>
          `| ${file} | ${one.mutants} | ${one.killed} | ${one.timedOut} | ${one.survived} | ${one.notCovered} | ${one.date}${stale.has(file) ? ', changed since' : ''} |`,
      ),
      '',
    )
    for (const [file, all] of Map.groupBy(survivors, (one) => one.file)) {
      lines.push(`Left in ${file}:`, '')
      for (const survivor of all) {
        const explanation = explained(survivor, explanations)
        if (explanation === undefined) open.push(survivor)
        else used.add(explanation)
        const change = `${inline(survivor.code)} → ${inline(survivor.becomes)}`
        lines.push(`- ${change}: ${explanation?.why ?? 'not explained'}`)
      }
      lines.push('')
    }
  }
  const measured = new Set([...results.values()].flatMap(({ files }) => Object.keys(files)))
  const missing = [...stale].filter((file) => !measured.has(file))
  if (missing.length > 0) lines.push('## Not measured', '', ...missing.map((file) => `- ${file}`), '')
  writeFileSync(new URL('docs/mutation.md', root), `${lines.join('\n').trimEnd()}\n`)
  for (const { file, mutator, code, becomes } of open)
    console.error(`not explained: ${file} (${mutator})\n  ${code}\n  ${becomes}`)
  for (const file of stale) console.error(`not measured as it is now: ${file}`)
  for (const [file, all] of Object.entries(explanations)) {
    for (const one of all)
      if (!used.has(one)) console.error(`explains nothing: ${file}\n  ${one.code}\n  ${one.becomes}`)
  }
  return open.length === 0
}

if (import.meta.main) process.exitCode = writeReport() ? 0 : 1
