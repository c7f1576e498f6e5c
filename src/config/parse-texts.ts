import { join } from 'node:path'
import { page } from '../base/installed.ts'
import type { Spot } from './faults.ts'
import { isPlainObject } from './json.ts'
import { nearest } from './nearest.ts'
import type { LanguageConfig, PageFiles } from './pages.ts'
import { builtInTexts, placeholdersIn, placeholdersOf, textKeys, type TextKey, type Texts } from './texts/catalogue.ts'
import { readYaml } from './yaml-file.ts'

/*
 * Texts of the pages in the operator's own words: one YAML file for each language, with the keys that say something
 * else. What a file leaves out is as in the language that it belongs to: `de-AT.yaml` goes on with German. A language
 * that belongs to none has to say everything.
 */

/** Keys that name something of this configuration, beside those of the catalogue. */
export type NameKeys = readonly string[]

/** Characters of one text. */
const longestText = 500

/** Bytes of one file. */
const largestFile = 65_536

/** A hidden file is none of ours. */
const fileName = /^([^.].*)\.ya?ml$/i

/** What is said in every language, by tag. @param dir undefined: nothing else than what is built in */
export function parseTexts(
  spot: Spot,
  dir: string | undefined,
  files: PageFiles,
  names: NameKeys,
): ReadonlyMap<string, LanguageConfig> {
  const languages = new Map<string, LanguageConfig>(
    [...builtInTexts].map(([tag, texts]) => [tag, { texts, names: new Map() }]),
  )
  if (dir === undefined) return languages
  const found = files.list(dir)
  if (found === undefined) {
    spot.fault('this folder cannot be read; is it there, and may this user read it?')
    return languages
  }
  const written = found.flatMap((name) => {
    const tag = fileName.exec(name)?.[1]
    return tag === undefined ? [] : [{ name, tag: canonicalTag(tag) }]
  })
  if (written.length === 0) spot.fault('holds no texts; put a file for a language into it, such as de.yaml')
  const taken = new Set<string>()
  // Shorter tags first: `de-AT` goes on with what `de.yaml` says.
  for (const { name, tag } of written.toSorted((one, other) => one.name.length - other.name.length)) {
    if (tag === undefined) spot.fault(`${name} is not named for a language; call it such as de.yaml or pt-BR.yaml`)
    else if (taken.has(tag)) spot.fault(`${name} is of a language that another file is of; keep one of them`)
    else {
      taken.add(tag)
      const own = readTexts(spot, join(dir, name), name, files, names)
      if (own !== undefined) languages.set(tag, completed(spot, name, own, parentOf(tag, languages)))
    }
  }
  return languages
}

/** RFC 5646 section 2.1.1. Undefined: it is no tag. */
export function canonicalTag(tag: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag)[0]
  } catch {
    return undefined
  }
}

/** Undefined beside a fault that leaves nothing to look at. */
function readTexts(
  spot: Spot,
  path: string,
  name: string,
  files: PageFiles,
  names: NameKeys,
): ReadonlyMap<string, string> | undefined {
  const bytes = files.readFile(path)
  if (bytes === undefined || bytes.length > largestFile) {
    spot.fault(bytes === undefined ? `${name} cannot be read` : `${name} is larger than ${largestFile / 1024} kB`)
    return undefined
  }
  const yaml = readYaml(Buffer.from(bytes).toString('utf8'))
  if (!yaml.ok) {
    for (const { line, column, message } of yaml.faults) spot.fault(`${name}:${line}:${column} ${message}`)
    return undefined
  }
  // An empty file says nothing, and that is no fault: so does one whose lines are all comments.
  const value = yaml.value ?? {}
  if (!isPlainObject(value)) {
    spot.fault(`${name} must be a map, such as signIn.title: Welcome`)
    return undefined
  }
  const known: readonly string[] = [...textKeys, ...names]
  const texts = new Map<string, string>()
  for (const [key, text] of Object.entries(value)) {
    const fault = faultOf(key, text, known)
    if (typeof text === 'string' && fault === undefined) texts.set(key, text)
    else {
      const { line, column } = yaml.locate([key])
      spot.fault(`${name}:${line}:${column} ${shown(key)}: ${fault ?? ''}`)
    }
  }
  return texts
}

function faultOf(key: string, text: unknown, known: readonly string[]): string | undefined {
  if (isPlainObject(text)) return 'must be a text; write the whole key on one line, such as signIn.title: Welcome'
  if (!known.includes(key)) {
    const meant = nearest(key, known)
    return `is not known here; ${meant === undefined ? `${page('pages')} lists the keys` : `did you mean \`${meant}\`?`}`
  }
  if (typeof text !== 'string') return 'must be a text; put it in quotes'
  if (text.trim() === '') return 'must not be empty; take the key out for the usual text'
  if (text.length > longestText) return `must be at most ${longestText} characters`
  if (/\p{Cc}/u.test(text)) return 'must be one line, without control characters'
  const allowed = isTextKey(key) ? placeholdersOf(key) : []
  const other = placeholdersIn(text).find((name) => !allowed.includes(name))
  if (other === undefined) return undefined
  const mend =
    allowed.length === 0
      ? 'nothing is filled in here'
      : `here there is ${allowed.map((name) => `{${name}}`).join(', ')}`
  return `\`{${other}}\` means nothing; ${mend}`
}

/** A key is chosen by the operator; one with something odd in it is not repeated. */
function shown(key: string): string {
  return /^[\w.-]{1,100}$/.test(key) ? key : 'a key'
}

function isTextKey(key: string): key is TextKey {
  return (textKeys as readonly string[]).includes(key)
}

/** RFC 4647 section 3.4: one subtag after another is taken off the end. */
function parentOf(tag: string, languages: ReadonlyMap<string, LanguageConfig>): LanguageConfig | undefined {
  for (let range = tag; range !== ''; range = range.slice(0, Math.max(0, range.lastIndexOf('-')))) {
    const language = languages.get(range)
    if (language !== undefined) return language
  }
  return undefined
}

function completed(
  spot: Spot,
  name: string,
  own: ReadonlyMap<string, string>,
  parent: LanguageConfig | undefined,
): LanguageConfig {
  const missing = parent === undefined ? textKeys.filter((key) => !own.has(key)) : []
  if (missing.length > 0) {
    const first = missing.slice(0, 5).join(', ')
    const rest = missing.length > 5 ? ` and ${missing.length - 5} more` : ''
    spot.fault(
      `${name} is of a language that is not built in, so it has to say everything; missing are ${first}${rest}`,
    )
  }
  const texts = Object.fromEntries(textKeys.map((key) => [key, own.get(key) ?? parent?.texts[key] ?? '']))
  const names = [...own].filter(([key]) => !isTextKey(key))
  return { texts: texts as unknown as Texts, names: new Map([...(parent?.names ?? []), ...names]) }
}
