import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import type { World } from '../contestant.ts'
import { spread } from '../statistics.ts'
import { usageOf } from './process-table.ts'
import { freePort } from '../../test/support/free-port.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** What people get, where it was built. */
const program = [`${root}dist/cli/main.js`, `${root}src/cli/main.ts`].find((file) => existsSync(file)) ?? ''

/** Milliseconds between two questions whether it is ready; and after which one that does nothing is looked at. */
const patience = { ready: 2, idle: 2_000 }

/** `postern serve` with a login service and a route to a backend. */
export async function measureStarts(world: World, count: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-bench-start-'))
  const [port, adminPort] = [await freePort(), await freePort()]
  const file = join(folder, 'postern.yaml')
  writeFileSync(
    file,
    stringify({
      publicUrl: 'https://app.example.com',
      listen: { host: '127.0.0.1', port, adminPort },
      keys: { dir: world.keys },
      upstreams: {
        accounts: {
          kind: 'login',
          origin: world.loginService,
          login: {
            request: { method: 'POST', path: '/api/login', json: { User: '{username}', Password: '{password}' } },
            token: { json: '/user/authentication_token' },
            subject: { json: '/user/id' },
          },
        },
      },
      routes: [{ path: '/', backend: world.backend }],
    }),
  )
  const ready: number[] = []
  const processor: number[] = []
  const resident: number[] = []
  for (let start = 0; start < count; start += 1) {
    const began = performance.now()
    const child = spawn(process.execPath, [program, 'serve', '--config', file], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    while (!(await isReady(adminPort))) {
      if (child.exitCode !== null) throw new Error(`It ended with code ${child.exitCode} instead of getting ready.`)
      await wait(patience.ready)
    }
    ready.push(performance.now() - began)
    processor.push(usageOf(child.pid ?? 0).milliseconds)
    await wait(patience.idle)
    resident.push(usageOf(child.pid ?? 0).resident)
    child.kill()
    await ended
  }
  rmSync(folder, { recursive: true, force: true })
  console.log(`postern serve, ${count} starts (${program.slice(root.length)}): median, quartiles`)
  line('from the start of the process until /readyz says so', ready, 'ms', 500)
  line('processor time until then', processor, 'ms')
  line('resident, two seconds later', resident, 'MB', 120)
}

function line(what: string, values: readonly number[], unit: string, goal?: number): void {
  const { lower, median, upper } = spread(values)
  const figures = `${median.toFixed(0)} ${unit}   ${lower.toFixed(0)} … ${upper.toFixed(0)}`
  console.log(`  ${what.padEnd(52)} ${figures}${goal === undefined ? '' : `   goal ${goal}`}`)
}

async function isReady(port: number): Promise<boolean> {
  try {
    const { ok } = await fetch(`http://127.0.0.1:${port}/readyz`)
    return ok
  } catch {
    return false
  }
}
