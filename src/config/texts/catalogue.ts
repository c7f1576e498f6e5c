import { english, type TextKey, type Texts } from './english.ts'
import { german } from './german.ts'
import { spanish } from './spanish.ts'

export type { TextKey, Texts } from './english.ts'

/** The names between braces in the text of that key. */
export type Placeholder<Key extends TextKey> = Named<(typeof english)[Key]>

type Named<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Named<Rest> : never

/** By language tag (RFC 5646). */
export const builtInTexts: ReadonlyMap<string, Texts> = new Map<string, Texts>([
  ['en', english],
  ['de', german],
  ['es', spanish],
])

export const textKeys = Object.keys(english) as readonly TextKey[]

/** What may stand between braces in the text of that key. */
export function placeholdersOf(key: TextKey): readonly string[] {
  return placeholdersIn(english[key])
}

export const placeholderPattern = /\{([a-zA-Z]{1,32})\}/g

export function placeholdersIn(text: string): readonly string[] {
  return [...text.matchAll(placeholderPattern)].map(([, name = '']) => name)
}
