import type { BrandConfig, LanguageConfig, PagesConfig } from '../../config/pages.ts'
import { placeholderPattern, type Placeholder, type TextKey } from '../../config/texts/catalogue.ts'
import { languageFor } from '../../route/language.ts'
import { html, type Html, type Interpolation } from './html.ts'
import { styleSheetOf } from './style-sheet.ts'

/** What every page is drawn with: the language of who reads it, and the look of the site. */
export interface PageKit {
  /** A language tag (RFC 5646). */
  readonly language: string
  readonly direction: 'ltr' | 'rtl'
  readonly brand: BrandConfig
  readonly style: Html
  /** A text in which nothing is filled in. */
  text(key: PlainKey): string
  /** A text with its values filled in, each escaped. */
  fill<Key extends TextKey>(key: Key, values: Readonly<Record<Placeholder<Key>, Interpolation>>): Html
  /** What an upstream is called in this language. */
  titleOf(upstream: { readonly key: string; readonly title: string }): string
  /** What a field of an upstream is called in this language. */
  labelOf(
    upstream: { readonly key: string },
    field: { readonly name: string; readonly label: string; readonly word?: TextKey },
  ): string
  /** A point in time, in words. UTC: nothing tells where the reader is. @param time milliseconds since the epoch */
  time(time: number): string
  /** Such as "in 5 minutes", never too little. */
  when(seconds: number): string
}

/** Keys of texts in which nothing is filled in. */
type PlainKey = { [Key in TextKey]: [Placeholder<Key>] extends [never] ? Key : never }[TextKey]

export interface PageKits {
  /** The one style sheet of all pages. */
  readonly style: Html
  /** @param acceptLanguage the header (RFC 9110 section 12.5.4), as it came */
  for(acceptLanguage: string | undefined): PageKit
}

/** One kit for each language, made once. */
export function createPageKits({ language: fallback, languages, brand }: PagesConfig): PageKits {
  const style = styleSheetOf(brand.palettes)
  const kits = new Map([...languages].map(([tag, language]) => [tag, createKit(tag, language, brand, style)]))
  const tags = [...kits.keys()]
  return {
    style,
    for(acceptLanguage) {
      const kit = kits.get(languageFor(acceptLanguage, tags, fallback))
      if (kit === undefined) throw new Error('The configuration names a language without texts.')
      return kit
    },
  }
}

function createKit(language: string, { texts, names }: LanguageConfig, brand: BrandConfig, style: Html): PageKit {
  const dates = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })
  const spans = new Intl.RelativeTimeFormat(language, { numeric: 'always' })
  return {
    language,
    direction: directionOf(language),
    brand,
    style,
    text: (key) => texts[key],
    fill: (key, values) => filled(texts[key], values),
    titleOf: ({ key, title }) => names.get(`upstream.${key}.title`) ?? title,
    labelOf: ({ key }, { name, label, word }) =>
      names.get(`upstream.${key}.field.${name}`) ?? (word === undefined ? label : texts[word]),
    time: (time) => `${dates.format(time)} UTC`,
    when: (seconds) => {
      if (seconds < 60) return spans.format(Math.max(1, Math.ceil(seconds)), 'second')
      if (seconds <= 7200) return spans.format(Math.ceil(seconds / 60), 'minute')
      return seconds <= 172_800
        ? spans.format(Math.ceil(seconds / 3600), 'hour')
        : spans.format(Math.ceil(seconds / 86_400), 'day')
    },
  }
}

/** For an answer that must cost little: the pictures of a site may be most of a page. */
export function withoutPictures(kit: PageKit): PageKit {
  return { ...kit, brand: { ...kit.brand, logo: undefined, logoDark: undefined, icon: undefined } }
}

/** What stands between is text; a value that looks like a placeholder is not filled in again. */
function filled(text: string, values: Readonly<Record<string, Interpolation>>): Html {
  // Odd items are what the group of the pattern found.
  const parts = text.split(placeholderPattern)
  return html`${parts.map((part, index) => html`${index % 2 === 1 && Object.hasOwn(values, part) ? values[part] : part}`)}`
}

/** Scripts that run from right to left, for languages that a site adds itself. */
const rightToLeft: ReadonlySet<string> = new Set([
  'Arab',
  'Hebr',
  'Syrc',
  'Thaa',
  'Nkoo',
  'Adlm',
  'Rohg',
  'Mand',
  'Samr',
])

function directionOf(language: string): 'ltr' | 'rtl' {
  return rightToLeft.has(new Intl.Locale(language).maximize().script ?? '') ? 'rtl' : 'ltr'
}
