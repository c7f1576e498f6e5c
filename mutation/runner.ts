/**
 * A test runner for Stryker that stays in one process. A process for each test file and mutant, which is what
 * `@stryker-mutator/tap-runner` makes, takes seconds where this takes milliseconds; and this one knows which test comes
 * by which mutant, where that one knows files only.
 */
import { globSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { crashed, runFile } from './node-test.ts'

type Coverage = Record<string, number>

/** What the instrumented code reads and writes. */
interface Instrumenter {
  activeMutant?: string | undefined
  currentTestId?: string | undefined
  hitCount?: number | undefined
  hitLimit?: number | undefined
  mutantCoverage?: { static: Coverage; perTest: Record<string, Coverage> }
}

interface TestResult {
  readonly id: string
  readonly name: string
  readonly fileName: string
  readonly timeSpentMs: number
  /** 0 = success, 1 = failed. */
  readonly status: 0 | 1
  readonly failureMessage?: string
}

interface MutantRun {
  readonly activeMutant: { readonly id: string }
  readonly testFilter?: readonly string[]
  readonly hitLimit?: number
  readonly mutantActivation: 'runtime' | 'static'
}

interface Options {
  readonly nodeTest: { readonly testFiles: readonly string[]; readonly sources: readonly string[] }
}

const separator = ' :: '

function createRunner({ nodeTest }: Options) {
  const instrumenter: Instrumenter = ((globalThis as { __stryker__?: Instrumenter }).__stryker__ ??= {})
  const files = nodeTest.testFiles.flatMap((pattern) => globSync(pattern).toSorted())
  let loaded = false
  let imports = 0

  /** What is evaluated once, before any test: only a new process can do it with another mutant. */
  async function load(): Promise<void> {
    if (loaded) return
    loaded = true
    const url = new URL('node-test.ts', import.meta.url).href
    registerHooks({
      resolve: (specifier, context, next) =>
        specifier === 'node:test' ? { url, shortCircuit: true } : next(specifier, context),
    })
    process.on('uncaughtException', crashed)
    process.on('unhandledRejection', crashed)
    for (const file of nodeTest.sources.flatMap((pattern) => globSync(pattern).toSorted())) {
      await import(pathToFileURL(file).href)
    }
    const { default: check } = (await import(pathToFileURL('node_modules/fast-check/lib/fast-check.js').href)) as {
      default: { configureGlobal(options: { readonly seed: number }): void }
    }
    // The same mutants survive every time.
    check.configureGlobal({ seed: 1 })
  }

  async function run(file: string, selected: ReadonlySet<string> | undefined, bail: boolean): Promise<TestResult[]> {
    const results: TestResult[] = []
    imports += 1
    // Imported anew, so that no test finds what another run of it left behind.
    await runFile(`${pathToFileURL(file).href}?run=${imports}`, {
      wants: (name) => selected === undefined || selected.has(file + separator + name),
      running: (name) => {
        instrumenter.currentTestId = file + separator + (name ?? '')
      },
      done: (name, fault, timeSpentMs) => {
        const id = file + separator + name
        const one = { id, name: id, fileName: file, timeSpentMs }
        results.push(
          fault === undefined
            ? { ...one, status: 0 }
            : { ...one, status: 1, failureMessage: fault instanceof Error ? fault.message : 'not an error' },
        )
        return fault === undefined || !bail
      },
    })
    return results
  }

  return {
    capabilities: () => ({ reloadEnvironment: false }),

    async dryRun() {
      await load()
      const tests: TestResult[] = []
      for (const file of files) tests.push(...(await run(file, undefined, false)))
      const coverage = instrumenter.mutantCoverage ?? { static: {}, perTest: {} }
      // What is run to set up a file belongs to each of its tests.
      for (const file of files) {
        const shared = coverage.perTest[file + separator] ?? {}
        delete coverage.perTest[file + separator]
        for (const { id } of tests.filter(({ fileName }) => fileName === file)) {
          coverage.perTest[id] = { ...shared, ...coverage.perTest[id] }
        }
      }
      return { status: 'complete', tests, mutantCoverage: coverage }
    },

    async mutantRun({ activeMutant, testFilter, hitLimit, mutantActivation }: MutantRun) {
      const clean = !loaded
      if (mutantActivation === 'static') instrumenter.activeMutant = activeMutant.id
      try {
        await load()
      } catch (fault) {
        return { status: 'killed', killedBy: [], failureMessage: `does not start: ${String(fault)}`, nrOfTests: 0 }
      }
      instrumenter.activeMutant = activeMutant.id
      instrumenter.hitCount = hitLimit === undefined ? undefined : 0
      instrumenter.hitLimit = hitLimit
      const selected = testFilter === undefined ? undefined : new Set(testFilter)
      let nrOfTests = 0
      for (const file of files) {
        if (selected !== undefined && !testFilter?.some((id) => id.startsWith(file + separator))) continue
        const results = await run(file, selected, true)
        nrOfTests += results.length
        if (hitLimit !== undefined && (instrumenter.hitCount ?? 0) > hitLimit) return { status: 'timeout' }
        const failed = results.find(({ status }) => status === 1)
        if (failed === undefined) continue
        instrumenter.activeMutant = undefined
        instrumenter.hitCount = undefined
        const again = await run(file, new Set([failed.id]), true)
        // It fails without the mutant too: an earlier one left something behind. Stryker begins again in a new process.
        if (!clean && again.some(({ status }) => status === 1)) process.exit(1)
        return { status: 'killed', killedBy: [failed.id], failureMessage: failed.failureMessage, nrOfTests }
      }
      return { status: 'survived', nrOfTests }
    },
  }
}

createRunner.inject = ['options'] as const

export const strykerPlugins = [{ kind: 'TestRunner', name: 'node-test', factory: createRunner }]
