/**
 * Asks the registry for known advisories of what is locked. Ends with 1 on any that concerns what runs; those of
 * development are told. A registry that has no such service is told too, loudly, and is no success: nothing was looked up.
 *
 *     node scripts/audit.ts
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')

interface Found {
  readonly name: string
  readonly severity: string
  readonly range: string
  /** Advisories, or names of packages that have them. */
  readonly via: readonly (string | { readonly title: string; readonly url: string })[]
  /** Where it is installed. */
  readonly nodes: readonly string[]
}

export type Audit =
  | { readonly answered: false; readonly why: string }
  | { readonly answered: true; readonly running: readonly string[]; readonly development: readonly string[] }

type Locked = Readonly<Record<string, { readonly dev?: boolean }>>

/** Installed for development only; in the image it runs. */
const inTheImage = ['node_modules/@redis/', 'node_modules/@opentelemetry/'] as const

/** What npm said, judged by the lock file. Only a whole report is an answer. */
export function judge(said: string, packages: Locked): Audit {
  const report = read(said)
  const { vulnerabilities: found, message = 'it did not answer with a report' } = report
  if (report.auditReportVersion !== 2 || found === undefined) return { answered: false, why: message }
  const all = Object.values(found)
  const runs = ({ nodes }: Found) =>
    nodes.some((path) => inTheImage.some((start) => path.startsWith(start)) || packages[path]?.dev !== true)
  return {
    answered: true,
    running: all.filter(runs).map(line),
    development: all.filter((one) => !runs(one)).map(line),
  }
}

interface Report {
  readonly auditReportVersion?: number
  readonly vulnerabilities?: Readonly<Record<string, Found>>
  readonly message?: string
}

function read(said: string): Report {
  try {
    const report: unknown = JSON.parse(said)
    return typeof report === 'object' && report !== null ? report : {}
  } catch {
    return {}
  }
}

function line({ name, severity, range, via }: Found): string {
  const what = via.map((one) => (typeof one === 'string' ? `through ${one}` : `${one.title} (${one.url})`))
  return `${name} ${range}, ${severity}: ${what.join('; ')}`
}

if (import.meta.main) {
  const { stdout } = spawnSync('npm', ['audit', '--json'], { cwd: root, encoding: 'utf8' })
  const { packages } = JSON.parse(readFileSync(resolve(root, 'package-lock.json'), 'utf8')) as { packages: Locked }
  const audit = judge(stdout ?? '', packages)
  if (!audit.answered) {
    console.log(
      `NOT AUDITED: the registry tells no advisories here (${audit.why}). Nothing is known about the dependencies.`,
    )
  } else {
    for (const found of audit.development) console.log(`advisory, development only: ${found}`)
    for (const found of audit.running) console.log(`ADVISORY: ${found}`)
    if (audit.running.length === 0) console.log('good: no advisory for anything that runs')
    process.exitCode = audit.running.length === 0 ? 0 : 1
  }
}
