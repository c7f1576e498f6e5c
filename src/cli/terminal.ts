import { styleText } from 'node:util'

/** What a word at the terminal says of itself beside what it says. */
export type Tone = 'good' | 'warning' | 'fault' | 'quiet'

const colours = { good: 'green', warning: 'yellow', fault: 'red', quiet: 'dim' } as const

/** Coloured on a terminal only, and not where NO_COLOR asks for none. */
export function toned(tone: Tone, text: string): string {
  return styleText(colours[tone], text, { stream: process.stdout })
}

export function say(line = ''): void {
  process.stdout.write(`${line}\n`)
}

/** What somebody else wrote, without what a terminal would obey. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '?')
}

/** For a program to read. */
export function sayJson(value: object): void {
  say(JSON.stringify(value, undefined, 2))
}

/** Rows with their columns under each other. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length)
    })
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
