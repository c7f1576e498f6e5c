import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** Every document, by its path from the root. */
export const documents: readonly string[] = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  'keys/README.md',
  ...readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('README.md') && !name.includes('node_modules'))
    .map((name) => join('examples', name)),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
].toSorted()

export interface Block {
  readonly language: string
  readonly text: string
  /** The nearest heading above. */
  readonly heading: string
}

/** Fenced code. */
export function codeBlocks(markdown: string): readonly Block[] {
  const blocks: { language: string; text: string; heading: string }[] = []
  let heading = ''
  let open: (typeof blocks)[number] | undefined
  for (const line of markdown.split('\n')) {
    const fence = /^```(\S*)$/.exec(line)
    if (fence !== null && open === undefined) blocks.push((open = { language: fence[1] ?? '', text: '', heading }))
    else if (fence !== null) open = undefined
    else if (open !== undefined) open.text += `${line}\n`
    else heading = /^#+ (.+)$/.exec(line)?.[1] ?? heading
  }
  return blocks
}

export function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^```[^]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '')
}

/** Cells of every table row below a heading, without the head of the table. */
export function tableRows(markdown: string, heading: string): readonly (readonly string[])[] {
  const section = markdown.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  const rows: string[][] = []
  for (const line of section.split('\n')) {
    if (/^\|[-|]+\|$/.test(line)) rows.pop()
    else if (line.startsWith('|'))
      rows.push(
        line
          .slice(1, -1)
          .split(/(?<!\\)\|/)
          .map((cell) => cell.trim()),
      )
  }
  return rows
}

/** Names in backticks. */
export function named(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')
}
