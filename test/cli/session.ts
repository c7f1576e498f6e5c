import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { hearProcess, secretKeysIn } from '../support/sweep.ts'

/*
 * A session at the terminal as text. First the files that there are, each after a line `-- NAME --`; then commands, each
 * after `$ `, with what they print below; `< FILE` at the end is their stdin: stdout as it is, stderr after `! `, and `exit N` where it is not 0. Commands
 * are `postern`, with variables in front, and `chmod`, `rm` and `cat`. The first line says what the session shows.
 */

const root = resolve(import.meta.dirname, '../..')
const main = join(root, 'src/cli/main.ts')

/** Milliseconds. A command that was to refuse and does not would run for ever; on a busy machine a start alone takes many seconds. */
const patience = 120_000

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** One command in a folder, with nothing of this process's own variables for Postern. */
export async function postern(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Ran> {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: folder,
    env: { ...plainEnvironment(), ...env },
    stdio: 'pipe',
    timeout: patience,
  })
  hearProcess(child, `postern ${args[0] ?? ''}`)
  // It may end without having read.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const { promise, resolve: done, reject } = Promise.withResolvers<number | null>()
  child.on('error', reject)
  child.on('close', done)
  const code = await promise
  secretKeysIn(join(folder, 'keys'))
  return { code, stdout, stderr }
}

export function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('POSTERN_') && !name.startsWith('NODE_TEST'),
  )
  return Object.fromEntries(kept)
}

/** A folder of its own, with its real name. */
export function temporaryFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'postern-session-')))
}

export interface Session {
  readonly title: string
  readonly files: readonly { readonly name: string; readonly text: string }[]
  readonly commands: readonly string[]
}

export function readSession(text: string): Session {
  const [title = '', ...lines] = text.split('\n')
  const files: { name: string; text: string }[] = []
  const commands: string[] = []
  for (const line of lines) {
    const name = /^-- (.+) --$/.exec(line)?.[1]
    if (name !== undefined) files.push({ name, text: '' })
    else if (line.startsWith('$ ')) commands.push(line.slice(2))
    else if (commands.length === 0) {
      const file = files.at(-1)
      if (file !== undefined) file.text += `${line}\n`
    }
  }
  return { title: title.replace(/^# /, ''), files, commands }
}

/** The session as it goes now, in the same form. */
export async function play({ title, files, commands }: Session): Promise<string> {
  const folder = temporaryFolder()
  try {
    for (const { name, text } of files) {
      mkdirSync(dirname(join(folder, name)), { recursive: true, mode: 0o700 })
      writeFileSync(join(folder, name), `${text.trimEnd()}\n`, { mode: 0o600 })
    }
    const parts = [`# ${title}`, ...files.map(({ name, text }) => `-- ${name} --\n${text.trimEnd()}`)]
    for (const command of commands)
      parts.push(`$ ${command}\n${print(await execute(folder, command), folder)}`.trimEnd())
    return `${parts.join('\n\n')}\n`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function execute(folder: string, command: string): Promise<Ran> {
  const words = command.split(' ')
  const env = Object.fromEntries(
    words
      .filter((word) => /^[A-Z_]+=/.test(word))
      .map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
  )
  const plain = words.slice(Object.keys(env).length)
  const [name = '', ...args] = plain.at(-2) === '<' ? plain.slice(0, -2) : plain
  const input = () => (plain.at(-2) === '<' ? readFileSync(join(folder, plain.at(-1) ?? ''), 'utf8') : '')
  const file = () => join(folder, args.at(-1) ?? '')
  const quiet = { code: 0, stdout: '', stderr: '' }
  switch (name) {
    case 'postern':
      return postern(folder, args, env, input())
    case 'cat':
      return { ...quiet, stdout: readFileSync(file(), 'utf8') }
    case 'chmod':
      chmodSync(file(), Number.parseInt(args[0] ?? '', 8))
      return quiet
    case 'rm':
      rmSync(file())
      return quiet
    default:
      throw new Error(`A session has no command ${JSON.stringify(name)}.`)
  }
}

function print({ code, stdout, stderr }: Ran, folder: string): string {
  const errors = stderr === '' ? '' : `${stderr.trimEnd().replaceAll(/^/gm, '! ')}\n`
  return normalised(`${stdout}${errors}${code === 0 ? '' : `exit ${code ?? 'by signal'}\n`}`, folder)
}

/** What differs from run to run. */
function normalised(text: string, folder: string): string {
  return text
    .replaceAll(folder, 'DIR')
    .replaceAll(root, 'POSTERN')
    .replaceAll(/\b\d{6}[a-km-np-z2-9]{5}\b/g, 'KID')
    .replaceAll(/"ageSeconds": \d+/g, '"ageSeconds": N')
    .replaceAll(/"(x|y)": "[\w-]{43}"/g, '"$1": "…"')
    .replaceAll(/\b\d+ d(?: \d+ \w+)? ago/g, 'LONG ago')
    .replaceAll(/\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z\b/g, 'TIME')
}
