import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

const root = resolve(import.meta.dirname, '..', '..')
const image = 'localhost/postern:try'

/** The image while it runs. */
export interface Container {
  readonly process: ChildProcess
  /** A command inside it, with its user and its mounts. Throws when it fails. */
  run(command: string, ...args: string[]): string
  /** Of the first process inside: `/proc/1/status`, `/proc/1/cmdline`. */
  about(file: 'status' | 'cmdline'): string
  /** Resolves when the health check of the image says so. Throws when it does not. */
  healthy(): Promise<void>
  terminate(): void
  /** Ends it at once, where it has not ended. */
  remove(): void
}

/** What anyone who has the image can read of how it was made. */
export interface ImageFacts {
  /** `NAME=value` */
  readonly environment: readonly string[]
  /** The commands of its layers. */
  readonly history: readonly string[]
}

export interface Engine {
  build(buildArgs: readonly string[]): void
  facts(): ImageFacts
  run(folder: string): Container
}

/** Docker and Podman take the same words. */
function runningEngine(program: string): Engine {
  const name = `postern-try-${process.pid}`
  return {
    // Podman's own format has no health check.
    build: (buildArgs) =>
      show(program, [
        'build',
        ...(program === 'podman' ? ['--format', 'docker'] : []),
        ...buildArgs,
        '--tag',
        image,
        root,
      ]),
    facts: () => ({
      environment: JSON.parse(output(program, ['inspect', '--format', '{{json .Config.Env}}', image])) as string[],
      history: output(program, ['history', '--no-trunc', '--format', '{{.CreatedBy}}', image]).split('\n'),
    }),
    run(folder) {
      const mounts = [
        '--volume',
        `${folder}/postern.yaml:/app/postern.yaml:ro`,
        '--volume',
        `${folder}/keys:/app/keys:ro`,
        '--volume',
        '/dev/null:/bin/sh:ro',
      ]
      const safety = [
        '--read-only',
        ...(program === 'podman' ? ['--read-only-tmpfs=false'] : []),
        '--cap-drop',
        'ALL',
        '--security-opt',
        'no-new-privileges',
        '--network',
        'host',
      ]
      const child = show.later(program, ['run', '--rm', '--name', name, ...safety, ...mounts, image])
      const run = (...args: string[]) => output(program, ['exec', name, ...args])
      return {
        process: child,
        run,
        about: (file) => run('cat', `/proc/1/${file}`),
        async healthy() {
          if (program === 'podman') return void output(program, ['healthcheck', 'run', name])
          for (let tries = 0; tries < 60; tries += 1) {
            if (output(program, ['inspect', '--format', '{{.State.Health.Status}}', name]).trim() === 'healthy') return
            await wait(500)
          }
          throw new Error('The health check does not say healthy.')
        },
        terminate: () => child.kill('SIGTERM'),
        remove: () => output(program, ['rm', '--force', name]),
      }
    },
  }
}

/** What an image says of itself, as Buildah tells it. */
interface ImageConfig {
  readonly User: string
  readonly Env: readonly string[]
  readonly WorkingDir: string
  readonly Entrypoint: readonly string[]
  readonly Cmd: readonly string[]
  readonly Healthcheck: { readonly Test: readonly string[] }
}

interface Inspected {
  readonly Docker: { readonly config: ImageConfig; readonly history: readonly { readonly created_by?: string }[] }
}

function inspected(): Inspected {
  return JSON.parse(output('buildah', ['inspect', '--type', 'image', image])) as Inspected
}

/**
 * With `$1` the root, `$2` the folder with what is mounted, `$3` the user, `$4` the folder to run in, then the command: the
 * namespace is this shell's own, so that nothing has to be unmounted.
 */
const enter = [
  'set -e',
  'mount --bind "$1" "$1"',
  'mount --bind "$2/postern.yaml" "$1/app/postern.yaml"',
  'mount --bind "$2/keys" "$1/app/keys"',
  'mount -t proc proc "$1/proc"',
  'for one in "" /app/postern.yaml /app/keys; do mount -o remount,bind,ro "$1$one"; done',
  // Nothing may need a shell: whichever the base has is gone.
  'for one in sh bash dash; do [ ! -e "$1/bin/$one" ] || mount --bind /dev/null "$(readlink -f "$1/bin/$one")"; done',
  'top=$1 user=$3 folder=$4; shift 4',
  'exec setpriv --no-new-privs --clear-groups unshare --root="$top" --wd="$folder" --setgid="${user#*:}" --setuid="${user%:*}" "$@"',
].join('\n')

/**
 * Buildah builds without a service and runs nothing as an image says, so that is done here by the kernel's own means: a
 * process and a mount namespace, the root read-only, no shell, the image's user, environment, folder and command. Takes root.
 */
function buildah(): Engine {
  return {
    build: (buildArgs) =>
      show('buildah', ['build', '--isolation', 'chroot', '--format', 'docker', ...buildArgs, '--tag', image, root]),
    facts() {
      const { config, history } = inspected().Docker
      return { environment: config.Env, history: history.map(({ created_by: by }) => by ?? '') }
    },
    run(folder) {
      const container = output('buildah', ['from', '--pull-never', image]).trim()
      const top = output('buildah', ['mount', container]).trim()
      const { User, Env, WorkingDir, Entrypoint, Cmd, Healthcheck } = inspected().Docker.config
      writeFileSync(join(top, 'app/postern.yaml'), '')
      const inside = (command: readonly string[]) => {
        const namespaces = ['--mount', '--pid', '--fork', '--kill-child']
        return [...namespaces, 'sh', '-c', enter, 'sh', top, folder, User, WorkingDir, ...command]
      }
      const env = Object.fromEntries(Env.map((line) => line.split(/=(.*)/s, 2) as [string, string]))
      const child = spawn('unshare', inside([...Entrypoint, ...Cmd]), { stdio: ['ignore', 'inherit', 'inherit'], env })
      const run = (...args: string[]) =>
        execFileSync('unshare', inside(args), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], env })
      /** The first process of the namespace, as it is called outside. */
      const first = () => Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim())
      return {
        process: child,
        run,
        about: (file) => readFileSync(`/proc/${first()}/${file}`, 'utf8'),
        async healthy() {
          const [kind, ...command] = Healthcheck.Test
          if (kind !== 'CMD') throw new Error('The image has no health check.')
          run(...command)
        },
        terminate: () => void process.kill(first(), 'SIGTERM'),
        remove: () => {
          // The change of user inside has undone `--kill-child`.
          if (child.exitCode === null) process.kill(first(), 'SIGKILL')
          output('buildah', ['umount', container])
          output('buildah', ['rm', container])
        },
      }
    },
  }
}

/** The first that works here. */
export function findEngine(): Engine {
  for (const program of ['docker', 'podman']) if (works(program, ['info'])) return runningEngine(program)
  if (works('buildah', ['--version'])) return buildah()
  throw new Error('None of docker, podman and buildah works on this machine.')
}

function works(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function output(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

function show(program: string, args: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
}
show.later = (program: string, args: readonly string[]): ChildProcess =>
  spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
