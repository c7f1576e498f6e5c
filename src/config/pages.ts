import type { Palettes } from './palette.ts'
import type { Texts } from './texts/catalogue.ts'

/** The pages after `parse`: pictures read, colours chosen, texts complete. */
export interface PagesConfig {
  /** For who asks for none that there is; always one of `languages`. */
  readonly language: string
  /** By tag, in its usual spelling. */
  readonly languages: ReadonlyMap<string, LanguageConfig>
  readonly brand: BrandConfig
}

export interface LanguageConfig {
  readonly texts: Texts
  /** What upstreams and their fields are called in it: `upstream.KEY.title`, `upstream.KEY.field.NAME`. */
  readonly names: ReadonlyMap<string, string>
}

export interface BrandConfig {
  readonly name: string | undefined
  /** Pictures, each as a `data:` address. */
  readonly logo: string | undefined
  readonly logoDark: string | undefined
  readonly icon: string | undefined
  /** As configured. */
  readonly color: string | undefined
  readonly palettes: Palettes
}

/** Where pictures and texts come from. Handed in, so that `parse` stays pure. */
export interface PageFiles {
  /** Undefined: there is no such file. */
  readFile(path: string): Uint8Array | undefined
  /** Names of what lies in a folder; undefined: there is no such folder. */
  list(folder: string): readonly string[] | undefined
}
