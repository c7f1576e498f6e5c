import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { send } from '../support/browser-client.ts'

/** A front proxy that runs. */
export interface Front {
  stop(): Promise<void>
}

/** What a front proxy is started with. */
export interface FrontSettings {
  /** What `postern snippet` printed, with the address of the application put in. */
  readonly snippet: string
  /** The second file, where there is one. */
  readonly second: string
  readonly port: number
}

export interface Program {
  readonly name: string
  /** Why it cannot run here, or false. */
  readonly missing: string | false
  /** First line of what it says of its version. */
  version(): string
  start(settings: FrontSettings): Promise<Front>
}

interface ProgramParts {
  readonly name: string
  readonly versionArgs: readonly string[]
  /** Not in Debian, so that its absence is no failure anywhere. */
  readonly optional?: boolean
  /** Writes what it needs into the folder; returns the arguments. */
  prepare(folder: string, settings: FrontSettings): readonly string[]
}

export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

function program({ name, versionArgs, optional = false, prepare }: ProgramParts): Program {
  const path = findProgram(name)
  if (path === undefined && !optional && process.env['POSTERN_REQUIRE_PROGRAMS'] === '1') {
    throw new Error(`${name} is required and was not found.`)
  }
  return {
    name,
    missing: path === undefined ? `no ${name} on this machine` : false,
    version() {
      const { stdout, stderr } = spawnSync(path ?? name, versionArgs, { encoding: 'utf8' })
      return (
        `${stdout}${stderr}`
          .trim()
          .split('\n')[0]
          ?.replace(path ?? name, name) ?? ''
      )
    },
    async start(settings) {
      const folder = mkdtempSync(join(tmpdir(), 'postern-front-'))
      const child = spawn(path ?? name, prepare(folder, settings), {
        cwd: folder,
        env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let said = ''
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => (said += text))
      const gone = new Promise<void>((resolve) => child.on('close', () => resolve()))
      const ended = () => child.exitCode !== null || child.signalCode !== null
      const until = Date.now() + 20_000
      while (!(await answers(settings.port))) {
        if (ended() || Date.now() > until) {
          child.kill('SIGKILL')
          throw new Error(`${name} does not serve:\n${said}`)
        }
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      return {
        async stop() {
          child.kill(name === 'nginx' ? 'SIGQUIT' : 'SIGTERM')
          const timer = setTimeout(() => child.kill('SIGKILL'), 2_000)
          await gone
          clearTimeout(timer)
          rmSync(folder, { recursive: true, force: true })
        },
      }
    },
  }
}

/** Whether the gateway can be seen through it: some listen before they know their routes. */
async function answers(port: number): Promise<boolean> {
  try {
    return (await send(`http://localhost:${port}/_auth/login`)).status === 200
  } catch {
    return false
  }
}

export const nginx = program({
  name: 'nginx',
  versionArgs: ['-v'],
  prepare(folder, { snippet }) {
    writeFileSync(join(folder, 'postern.conf'), snippet)
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `  ${name}_temp_path ${folder}/${name};`,
    )
    // In the foreground, without the user change of a system service, and without writing anywhere else.
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr error;
events {}
http {
  access_log off;
${paths.join('\n')}
  include ${folder}/postern.conf;
}
`,
    )
    return ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')]
  },
})

export const caddy = program({
  name: 'caddy',
  versionArgs: ['version'],
  prepare(folder, { snippet }) {
    const file = join(folder, 'Caddyfile')
    writeFileSync(file, `{\n\tadmin off\n\tauto_https off\n}\n\n${snippet}`)
    return ['run', '--config', file, '--adapter', 'caddyfile']
  },
})

export const haproxy = program({
  name: 'haproxy',
  versionArgs: ['-v'],
  prepare(folder, { snippet, second }) {
    writeFileSync(join(folder, 'postern.lua'), second)
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(file, snippet.replaceAll('/etc/haproxy/postern.lua', join(folder, 'postern.lua')))
    return ['-db', '-f', file]
  },
})

export const traefik = program({
  name: 'traefik',
  versionArgs: ['version'],
  optional: true,
  prepare(folder, { snippet, port }) {
    writeFileSync(join(folder, 'dynamic.yaml'), snippet)
    const file = join(folder, 'traefik.yaml')
    writeFileSync(
      file,
      JSON.stringify({
        entryPoints: { web: { address: `127.0.0.1:${port}` } },
        providers: { file: { filename: join(folder, 'dynamic.yaml'), watch: false } },
        global: { checkNewVersion: false, sendAnonymousUsage: false },
        log: { level: 'ERROR' },
      }),
    )
    return [`--configFile=${file}`]
  },
})

export const envoy = program({
  name: 'envoy',
  versionArgs: ['--version'],
  optional: true,
  prepare(folder, { snippet }) {
    const file = join(folder, 'envoy.yaml')
    writeFileSync(file, snippet)
    // No file and no shared memory of another one on this machine.
    return ['-c', file, '--disable-hot-restart', '--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'warn']
  },
})
