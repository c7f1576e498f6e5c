import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { send } from '../../test/support/browser-client.ts'
import { findProgram } from '../../test/forward-auth/programs.ts'
import { freePort } from '../../test/support/free-port.ts'
import { until, type Replica } from './replicas.ts'

export interface Balancer {
  readonly port: number
  /** Resolves when it sends requests to that one, and to nobody who does not answer. */
  sees(replica: Replica, is: 'UP' | 'DOWN'): Promise<void>
  stop(): Promise<void>
}

export interface Patience {
  /** For an answer; what has none by then is asked of another replica, if it may be asked twice. */
  readonly answer: string
  /** For the answer to a health check. */
  readonly check: string
}

/** As docs/operations.md recommends them; a test holds the two together. */
export const recommended = ({ answer, check }: Patience) => `defaults
  mode http
  timeout client 60s
  timeout connect 2s
  # Longer than the slowest answer: what has none by then is asked of another replica, if it may be asked twice.
  timeout server ${answer}
  timeout check ${check}
  timeout tunnel 1h
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response response-timeout

backend gateway
  # What may not be done twice is not sent twice.
  http-request disable-l7-retry unless { method GET HEAD OPTIONS }
  balance leastconn
  option httpchk GET /readyz
  default-server check inter 1s fall 2 rise 1`

const started = () => findProgram('haproxy')

/** Why there is none here, or false. */
export function haproxyMissing(): string | false {
  if (started() !== undefined) return false
  if (process.env['POSTERN_REQUIRE_PROGRAMS'] === '1') throw new Error('haproxy is required and was not found.')
  return 'no haproxy on this machine'
}

/** @param port what it listens on, the one of the public URL */
export async function startHaproxy(
  folder: string,
  port: number,
  replicas: readonly Replica[],
  patience: Patience,
): Promise<Balancer> {
  const statsPort = await freePort()
  const servers = replicas.map(({ name, port: at, adminPort }) => `  server ${name} 127.0.0.1:${at} port ${adminPort}`)
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(
    file,
    `global
  tune.bufsize 32768

${recommended(patience)}
${servers.join('\n')}

frontend site
  bind 127.0.0.1:${port}
  default_backend gateway

frontend stats
  bind 127.0.0.1:${statsPort}
  stats enable
  stats uri /
`,
  )
  const child = spawn(started() ?? 'haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const statuses = async () => {
    if (child.exitCode !== null) throw new Error(`haproxy does not run: ${said}`)
    const rows = (await send(`http://127.0.0.1:${statsPort}/;csv`)).text.split('\n').map((row) => row.split(','))
    return new Map(
      rows.flatMap(([backend, server = '', ...rest]) => (backend === 'gateway' ? [[server, rest[15] ?? '']] : [])),
    )
  }
  const balancer: Balancer = {
    port,
    sees: ({ name }, is) =>
      until(async () => (await statuses()).get(name)?.startsWith(is) === true, `${name} is ${is}`),
    async stop() {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
  for (const replica of replicas) await balancer.sees(replica, 'UP')
  return balancer
}
