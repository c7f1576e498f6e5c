import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { stringify } from 'yaml'
import type { Options } from '../../src/config/options.ts'
import { writeKeyFile } from '../../src/keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'
import { freePort } from '../support/gateway.ts'
import { refreshing } from '../life/timeline.ts'
import { serviceOptions, startService, type Service } from '../support/service.ts'
import { hearProcess, secretKeysIn } from '../support/sweep.ts'

export interface Running {
  readonly origin: string
  readonly admin: string
  readonly dir: string
  readonly process: ChildProcess
  readonly service: Service
  /** Of the log. */
  lines(): readonly string[]
}

/**
 * `postern serve` with two workers, where nothing else is said, in front of a real login service.
 *
 * @param timeout of the calls to it
 * @param preload a module for the process that keeps the others, and for them
 * @param serving how many of them do so, where not all can
 */
export async function serve(
  t: TestContext,
  more: Partial<Options> = {},
  timeout = '2s',
  { preload, serving }: { readonly preload?: string; readonly serving?: number } = {},
): Promise<Running> {
  const dir = await mkdtemp(join(tmpdir(), 'postern-test-'))
  const service = await startService()
  const [port, adminPort] = [await freePort(), await freePort()]
  const activatesAt = Date.now()
  await writeKeyFile(join(dir, 'keys'), await generateSigningKey('ES256', { activatesAt }))
  await writeKeyFile(join(dir, 'keys'), generateSealingKey({ activatesAt }))
  const origin = `http://localhost:${port}`
  const file = join(dir, 'postern.yaml')
  const options = {
    publicUrl: origin,
    listen: { host: '127.0.0.1', port, adminPort },
    workers: 2,
    keys: { dir: './keys' },
    upstreams: { accounts: refreshing({ ...serviceOptions(service.origin), timeout }) },
    // A busy machine is no load of this gateway.
    overload: { maxDelay: '30s' },
    ...more,
  }
  await writeFile(file, stringify(options))
  const imports = preload === undefined ? [] : ['--import', preload]
  const child = spawn(process.execPath, [...imports, 'src/cli/main.ts', 'serve', '--config', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  hearProcess(child, 'postern serve')
  child.stderr.pipe(process.stderr)
  secretKeysIn(join(dir, 'keys'))
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const running = {
    origin,
    service,
    admin: `http://127.0.0.1:${adminPort}`,
    dir,
    process: child,
    lines: () => output.split('\n'),
  }
  t.after(async () => {
    if (child.exitCode === null) child.kill('SIGKILL')
    await service.close()
    await rm(dir, { recursive: true, force: true })
  })
  await until(() => readyCount(running) === (serving ?? options.workers))
  return running
}

export const readyCount = ({ lines }: Running) => lines().filter((line) => line.includes('"msg":"ready"')).length

export async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!holds()) {
    assert.ok(Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Process ids, in the order of their starts. */
export function workersOf({ lines }: Running): readonly number[] {
  return lines().flatMap((line) => {
    const pid = line.includes('"msg":"worker started"') ? /"pid":([0-9]+)/.exec(line)?.[1] : undefined
    return pid === undefined ? [] : [Number(pid)]
  })
}
