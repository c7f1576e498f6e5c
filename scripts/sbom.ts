/**
 * The bill of materials of what runs: every package of an install without development dependencies, and the optional
 * client of `facts.redis` and what `tracing.endpoint` needs where they stand beside them. CycloneDX, in JSON.
 *
 *     node scripts/sbom.ts            installs in a folder of its own, and writes sbom.cdx.json
 *     node scripts/sbom.ts FOLDER     of an install that is there, as the build of the image has it; prints it
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')

export interface Component {
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
  readonly licenses?: readonly { readonly license?: { readonly id?: string }; readonly expression?: string }[]
  readonly properties?: readonly { readonly name: string; readonly value: string }[]
}

export interface Bill {
  readonly bomFormat: string
  readonly specVersion: string
  readonly metadata: { readonly component: Component }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[]
}

/** With this very Node, whichever comes first on the path. */
function npm(folder: string, ...args: readonly string[]): string {
  const env = { ...process.env, PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) }
  return execFileSync('npm', args, { cwd: folder, encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'inherit'] })
}

/** As the image installs: nothing for development, no script run, and what is optional copied beside it. */
export function installForProduction(folder: string): void {
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(root, name), join(folder, name))
  npm(folder, 'ci', '--omit=dev', '--ignore-scripts', '--no-fund', '--no-audit', '--prefer-offline')
  for (const maker of ['@redis', '@opentelemetry'])
    cpSync(join(root, 'node_modules', maker), join(folder, 'node_modules', maker), { recursive: true })
}

/**
 * npm makes it, with two corrections. `--omit dev` leaves out what the program and its tests both need (npm/cli#7909), so
 * the development dependencies go from the folder's `package.json` instead. And the product has its own name, not that
 * of the folder.
 */
export function billOf(folder: string): Bill {
  const manifest = join(folder, 'package.json')
  const { devDependencies: _, ...kept } = JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, unknown>
  writeFileSync(manifest, `${JSON.stringify(kept, undefined, 2)}\n`)
  const bill = JSON.parse(npm(folder, 'sbom', '--sbom-format=cyclonedx', '--sbom-type=application')) as Bill
  const component = { ...bill.metadata.component, name: String(kept['name']) }
  return { ...bill, metadata: { ...bill.metadata, component } }
}

function written(bill: Bill): string {
  return `${JSON.stringify(bill, undefined, 2)}\n`
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2)
  if (folder === undefined) {
    const scratch = mkdtempSync(join(tmpdir(), 'postern-sbom-'))
    try {
      installForProduction(scratch)
      writeFileSync(join(root, 'sbom.cdx.json'), written(billOf(scratch)))
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  } else process.stdout.write(written(billOf(resolve(folder))))
}
