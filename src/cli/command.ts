import type { Exit } from './faults.ts'

/** One file of this folder. */
export interface Command {
  /** What `postern COMMAND --help` prints. */
  readonly help: string
  run(args: string[]): Promise<Exit>
}

interface HelpParts {
  readonly purpose: string
  /** Without `Usage: `. */
  readonly usage: readonly string[]
  /** What is worth knowing before the first use. */
  readonly about: string
  /** Option and what it does. */
  readonly options?: readonly (readonly [string, string])[]
  readonly example: readonly string[]
  /** Where they say more than that faults were found. */
  readonly exits?: string
}

export const configOption = ['--config FILE', 'the configuration file (default: postern.yaml)'] as const

const usualExits = '0 good, 1 faults were found, 2 bad usage or a missing file.'

/** The help of every command has one form. */
export function helpText({ purpose, usage, about, options = [configOption], example, exits }: HelpParts): string {
  const width = Math.max(...options.map(([name]) => name.length)) + 2
  return [
    `${purpose}`,
    '',
    ...usage.map((line, index) => `${index === 0 ? 'Usage: ' : '       '}${line}`),
    '',
    about.trim(),
    '',
    ...options.map(([name, does]) => `  ${name.padEnd(width)}${does.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}`),
    '',
    'Example:',
    ...example.map((line) => `  ${line}`),
    '',
    `Exit codes: ${exits ?? usualExits}`,
    '',
  ].join('\n')
}
