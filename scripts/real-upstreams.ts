/**
 * Signs in to programs that were not written here, by configuration alone: installs each one from its package registry
 * into `.tmp/`, starts it on this machine, and goes through its file in `examples/upstreams/`.
 *
 *     npm run real-upstreams [-- NAME…]
 *
 * A program that cannot be installed here is left out, with the reason. Status 1: something differs from what is
 * expected, or nothing could be tried at all.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { examine, type Finding } from './real-upstreams/examine.ts'
import { installOnce } from './real-upstreams/install.ts'
import { endAllAtExit } from './real-upstreams/process.ts'
import { programs } from './real-upstreams/programs.ts'
import type { Program } from './real-upstreams/program.ts'

const cache = resolve(import.meta.dirname, '..', '.tmp', 'real-upstreams')

type Result =
  | { readonly kind: 'tried'; readonly findings: readonly Finding[] }
  | { readonly kind: 'left out' | 'failed'; readonly reason: string }

async function tryOut(program: Program): Promise<Result> {
  let folder: string
  try {
    folder = await installOnce(cache, program)
  } catch (error) {
    return { kind: 'left out', reason: messageOf(error) }
  }
  const data = mkdtempSync(join(cache, `${program.name}-data-`))
  const remove = () => rmSync(data, { recursive: true, force: true })
  process.once('exit', remove)
  try {
    const started = await program.start(folder, data)
    try {
      return { kind: 'tried', findings: await examine(program.name, started, program.expected) }
    } finally {
      await started.server.stop()
    }
  } catch (error) {
    return { kind: 'failed', reason: messageOf(error) }
  } finally {
    remove()
    process.removeListener('exit', remove)
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function report({ title, version, language }: Program, result: Result): void {
  console.log(`\n${title} ${version} (${language})`)
  if (result.kind !== 'tried') {
    console.log(`  ${result.kind}: ${result.reason}`)
    return
  }
  for (const { tried, seen, expected } of result.findings) {
    const verdict = seen === expected ? ' ' : '✗'
    console.log(`${verdict} ${tried.padEnd(22)} ${seen}${seen === expected ? '' : `   expected: ${expected}`}`)
  }
}

const isGood = (result: Result): boolean =>
  result.kind === 'left out' ||
  (result.kind === 'tried' && result.findings.every(({ seen, expected }) => seen === expected))

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !programs.some((program) => program.name === name))
  if (unknown.length > 0) {
    console.error(`Unknown: ${unknown.join(', ')}. There are: ${programs.map(({ name }) => name).join(', ')}.`)
    return 2
  }
  endAllAtExit()
  const results: Result[] = []
  // One after the other: each hashes passwords, and the machine may be a small one.
  for (const program of programs.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const result = await tryOut(program)
    report(program, result)
    results.push(result)
  }
  const tried = results.filter(({ kind }) => kind === 'tried').length
  const wrong = results.filter((result) => !isGood(result)).length
  console.log(`\n${tried} of ${results.length} programs tried, ${wrong} not as expected`)
  return tried > 0 && wrong === 0 ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
