/**
 * Changes the code in small ways, one at a time, and sees whether a test notices.
 *
 *     npm run mutation                        all folders
 *     npm run mutation -- token life-session  some of them
 *     npm run mutation -- src/life/renew.ts   some files
 *     npm run mutation -- changed             the files that are new or were changed since they were measured
 *
 * Writes `mutation/results/FOLDER.json` and `docs/mutation.md`. Exits 1 where a change that nobody noticed is not
 * explained in `mutation/survivors.yaml`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { folders, type Folder } from './folders.ts'
import { writeReport } from './report.ts'
import { readResults, staleFiles, writeResult } from './results.ts'

const root = new URL('../', import.meta.url).pathname
const tool = `${root}mutation/node_modules/@stryker-mutator/core/bin/stryker.js`
const scratch = `${root}.tmp/mutation`

function run(name: string, { mutate, tests, concurrency = 2, patience = 20_000 }: Folder): void {
  const report = `${scratch}/${name}.report.json`
  const options = {
    testRunner: 'node-test',
    plugins: [`${root}mutation/runner.ts`],
    nodeTest: { testFiles: tests, sources: mutate },
    warnings: { unknownOptions: false },
    coverageAnalysis: 'perTest',
    mutate,
    // Types are not looked at when the tests run, so there is nothing to silence.
    disableTypeChecks: false,
    // Stryker would rewrite its paths with a TypeScript API that version 7 does not have. Nothing here reads it.
    tsconfigFile: 'none.json',
    ignorePatterns: ['/.tmp', '/mutation', '/docs', '/bench', '/deploy', '/dist', '/keys', '/examples/*/node_modules'],
    tempDirName: `${scratch}/sandbox`,
    concurrency,
    // Every run imports its tests anew, and nothing forgets them.
    maxTestRunnerReuse: 300,
    // A test process that is stuck is ended; one on a machine that has much to do is not.
    timeoutMS: patience,
    timeoutFactor: 3,
    reporters: ['json', 'progress-append-only'],
    jsonReporter: { fileName: report },
    allowEmpty: false,
  }
  const file = `${scratch}/${name}.config.json`
  mkdirSync(scratch, { recursive: true })
  writeFileSync(file, JSON.stringify(options, undefined, 2))
  execFileSync(process.execPath, [tool, 'run', file], { cwd: root, stdio: 'inherit' })
  writeResult(name, JSON.parse(readFileSync(report, 'utf8')), mutate)
}

const asked = process.argv.slice(2)
const stale = asked.includes('changed') ? staleFiles(readResults()) : []
const plan = Object.entries(folders).map(([name, folder]) => {
  const files = folder.mutate.flatMap((pattern) => globSync(pattern, { cwd: root })).toSorted()
  const isWhole = asked.length === 0 || asked.includes(name)
  return { name, folder, files: files.filter((file) => isWhole || asked.includes(file) || stale.includes(file)) }
})
const known = new Set(['changed', ...plan.flatMap(({ name, files }) => [name, ...files])])
const unknown = asked.filter((one) => !known.has(one))
if (unknown.length > 0) {
  console.error(`No such folder or file: ${unknown.join(', ')}. There are: ${Object.keys(folders).join(', ')}`)
  process.exit(2)
}
if (!existsSync(tool)) execFileSync('npm', ['ci'], { cwd: `${root}mutation`, stdio: 'inherit' })
for (const { name, folder, files } of plan) if (files.length > 0) run(name, { ...folder, mutate: files })
process.exitCode = writeReport() ? 0 : 1
