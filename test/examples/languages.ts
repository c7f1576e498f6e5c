import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { start, type Running } from '../docs/program.ts'
import { root } from '../docs/markdown.ts'
import { freePort } from '../support/gateway.ts'

/** A service of `examples/verifiers`, in its language. */
export interface Language {
  readonly name: 'node' | 'python' | 'go'
  /** Why it cannot run here, or false. */
  readonly missing: string | false
  /** Makes the program, into that folder. */
  build(folder: string): void
  /** The arguments of the program and the program itself. */
  readonly run: (folder: string) => { readonly program: string; readonly args: readonly string[] }
}

export interface Whoami extends Running {
  readonly address: string
}

const at = (name: string) => join(root, 'examples/verifiers', name)

/** A Python with the packages of the examples: the one that is named, or that of the machine. */
export const python = process.env['POSTERN_PYTHON'] ?? 'python3'

/** Why it cannot run here, or false. Where programs are required, that is a failure instead. */
function missing(command: string, args: readonly string[], cwd: string, what: string): string | false {
  const tried = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (tried.status === 0) return false
  if (process.env['POSTERN_REQUIRE_PROGRAMS'] === '1') {
    throw new Error(`${what} is required and was not found: ${tried.error?.message ?? tried.stderr}`)
  }
  return `no ${what} on this machine`
}

export const missingPython = missing(
  python,
  ['-c', 'import jwt, cryptography, flask'],
  root,
  'Python with the packages of examples/flask/requirements.txt',
)

export const languages: readonly Language[] = [
  {
    name: 'node',
    missing: false,
    build: () => undefined,
    run: () => ({ program: process.execPath, args: [join(at('node'), 'server.ts')] }),
  },
  {
    name: 'python',
    missing: missingPython,
    build: () => undefined,
    run: () => ({ program: python, args: ['-B', join(at('python'), 'server.py')] }),
  },
  {
    name: 'go',
    missing: missing('go', ['mod', 'download'], at('go'), 'Go 1.24 with the modules of examples/verifiers/go'),
    build(folder) {
      const built = spawnSync('go', ['build', '-o', join(folder, 'whoami'), '.'], { cwd: at('go'), encoding: 'utf8' })
      if (built.status !== 0) throw new Error(built.stderr)
    },
    run: (folder) => ({ program: join(folder, 'whoami'), args: [] }),
  },
]

/** Starts the service of a language on a port of its own. */
export async function startWhoami(
  language: Language,
  folder: string,
  settings: Readonly<Record<string, string>>,
): Promise<Whoami> {
  const port = await freePort()
  const address = `http://127.0.0.1:${port}/whoami`
  const { program, args } = language.run(folder)
  return { address, ...(await start(folder, args, address, { ...settings, PORT: String(port) }, { program })) }
}
