import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Options } from '../../src/config/options.ts'
import { BrowserClient } from '../support/browser-client.ts'
import { fakeClock, type FakeClock } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { serviceOptions, type Service } from '../support/service.ts'
import { postern, temporaryFolder, type Ran } from './session.ts'

/** A gateway that runs, and the folder with its configuration and keys, for commands that look at both. */
export interface Site {
  readonly gateway: Gateway
  readonly folder: string
  readonly options: Options
  run(args: readonly string[], input?: string): Promise<Ran>
  /** The header line of somebody who signs in now, by the gateway's clock. */
  cookieLine(username?: string): Promise<string>
  close(): Promise<void>
}

interface SiteSettings {
  /** Milliseconds by which the clock of the gateway is behind: what it signs is as old. */
  readonly ago?: number
  readonly options?: (origin: string, service: Service, folder: string) => Partial<Options>
}

export async function startSite({ ago = 0, options: more }: SiteSettings = {}): Promise<Site> {
  const folder = temporaryFolder()
  const clock: FakeClock = fakeClock(Date.now() - ago)
  const dir = join(folder, 'keys')
  const made = await postern(folder, ['keys', 'generate', '--dir', dir])
  if (made.code !== 0) throw new Error(made.stderr)
  let options: Options | undefined
  const gateway = await startGateway({
    face: 'server',
    keys: 'folder',
    clock,
    options(origin, service) {
      const given = { keys: { dir }, ...more?.(origin, service, folder) }
      options = {
        publicUrl: origin,
        listen: { host: '127.0.0.1', port: Number(new URL(origin).port), adminPort: 0 },
        upstreams: { accounts: serviceOptions(service.origin) },
        ...given,
      }
      return given
    },
  })
  if (options === undefined) throw new Error('The gateway has no options.')
  // JSON is YAML.
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(options))
  return {
    gateway,
    folder,
    options,
    run: (args, input = '') => postern(folder, args, {}, input),
    async cookieLine(username = 'john') {
      const client = new BrowserClient(gateway.origin)
      const { status } = await client.signIn(username)
      if (status !== 303) throw new Error(`The sign-in answers ${status}.`)
      return `Cookie: ${client.cookieHeader()['cookie'] ?? ''}\n`
    },
    async close() {
      await gateway.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
