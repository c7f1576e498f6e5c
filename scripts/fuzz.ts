/**
 * Fuzzes for as long as it is told to, and keeps what it finds as a seed of the corpus.
 *
 *     npm run fuzz -- [target …] [--minutes N]
 *
 * Without a target: all of them, in turns. Default: 10 minutes. Status 1: something was found.
 */
import { appendFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { corpusFile, inputsOf, type Target } from '../test/fuzz/target.ts'
import { targets } from '../test/fuzz/targets.ts'

/** Runs of one turn at most, and its milliseconds. */
const turn = { runs: 5_000, time: 5_000 }

/** Milliseconds of the processor that one input may take: no text may keep the process from serving. */
const longest = 2_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '10' } },
})
const asked = targets.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
const unknown = positionals.find((name) => !targets.some((target) => target.name === name))
const minutes = Number(values.minutes)
if (unknown !== undefined || !(minutes > 0)) {
  process.stderr.write(`Targets: ${targets.map(({ name }) => name).join(', ')}; --minutes is a number.\n`)
  process.exit(2)
}

const done = new Map<string, { runs: number; found: number; slowest: number }>()

async function round(target: Target): Promise<void> {
  const tally = done.get(target.name) ?? { runs: 0, found: 0, slowest: 0 }
  done.set(target.name, tally)
  const seed = Math.floor(Math.random() * 2_147_483_647)
  const property = fc.asyncProperty(inputsOf(target), async (input) => {
    const began = process.cpuUsage()
    await target.check(input)
    const { user, system } = process.cpuUsage(began)
    const took = (user + system) / 1_000
    tally.slowest = Math.max(tally.slowest, took)
    if (took > longest) throw new Error(`It took ${Math.round(took)} ms.`)
  })
  const { numRuns, failed, counterexample, errorInstance } = await fc.check(property, {
    numRuns: turn.runs,
    interruptAfterTimeLimit: turn.time,
    seed,
    endOnFailure: false,
  })
  tally.runs += numRuns
  if (!failed) return
  tally.found += 1
  const why = String(errorInstance instanceof Error ? errorInstance.message : errorInstance).split('\n', 1)[0]
  const input = JSON.stringify(counterexample?.[0])
  process.stdout.write(`${target.name}: FOUND (seed ${seed}) ${input}\n  ${why}\n`)
  appendFileSync(corpusFile(target.name), `# found by fuzzing: ${why}\n${input}\n`)
}

const end = performance.now() + minutes * 60_000
while (performance.now() < end && asked.length > 0) {
  for (const target of asked) {
    if (performance.now() >= end) break
    await round(target)
  }
}
for (const [name, { runs: count, found, slowest }] of done)
  process.stdout.write(`${name}: ${count} runs, ${found} found, slowest ${Math.round(slowest)} ms\n`)
process.exitCode = [...done.values()].some(({ found }) => found > 0) ? 1 : 0
