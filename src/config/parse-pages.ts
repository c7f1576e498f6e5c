import type { Spot } from './faults.ts'
import type { Options } from './options.ts'
import type { BrandConfig, PageFiles, PagesConfig } from './pages.ts'
import { palettesOf } from './palette.ts'
import { canonicalTag, parseTexts, type NameKeys } from './parse-texts.ts'

export const noPageFiles: PageFiles = { readFile: () => undefined, list: () => undefined }

export function parsePages(
  spot: Spot,
  options: NonNullable<Options['pages']>,
  files: PageFiles,
  names: NameKeys,
): PagesConfig {
  const languages = parseTexts(spot.at('dir'), options.dir ?? undefined, files, names)
  const language = canonicalTag(options.language ?? 'en') ?? ''
  if (!languages.has(language) && spot.at('dir').isSound()) {
    const known = [...languages.keys()].join(', ')
    spot.at('language').fault(`there are no texts in this language, only in ${known}; add a file of it to \`dir\``)
  }
  return { language, languages, brand: parseBrand(spot.at('brand'), options.brand ?? {}, files) }
}

function parseBrand(
  spot: Spot,
  { name, logo, logoDark, icon, color }: NonNullable<NonNullable<Options['pages']>['brand']>,
  files: PageFiles,
): BrandConfig {
  const brandColor = color ?? undefined
  if (typeof logo !== 'string' && typeof logoDark === 'string')
    spot.at('logoDark').fault('stands without `logo`; set that too')
  return {
    name: name ?? undefined,
    logo: readPicture(spot.at('logo'), logo ?? undefined, files),
    logoDark: readPicture(spot.at('logoDark'), logoDark ?? undefined, files),
    icon: readPicture(spot.at('icon'), icon ?? undefined, files),
    color: brandColor,
    palettes: palettesOf(brandColor),
  }
}

/** Bytes. It is part of every page, and no cache keeps those. */
const largestPicture = 32_768

/**
 * A picture as a `data:` address. Nothing has to be asked for it, and as a picture an SVG runs no script and loads
 * nothing (SVG Integration, secure static mode).
 */
function readPicture(spot: Spot, path: string | undefined, files: PageFiles): string | undefined {
  if (path === undefined) return undefined
  const bytes = files.readFile(path)
  if (bytes === undefined) {
    spot.fault('this file cannot be read; is it there, and may this user read it?')
    return undefined
  }
  if (bytes.length > largestPicture) {
    spot.fault(`is larger than ${largestPicture / 1024} kB, and it is part of every page; an SVG of a few kB does`)
    return undefined
  }
  const type = pictureType(Buffer.from(bytes))
  if (type === undefined) spot.fault('is not a picture; take an SVG, PNG, JPEG or WebP file')
  return type === undefined ? undefined : `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
}

/** By what it begins with: a name says nothing. */
function pictureType(bytes: Buffer): string | undefined {
  const starts = (text: string, at = 0) => bytes.toString('latin1', at, at + text.length) === text
  if (starts('\x89PNG\r\n\x1a\n')) return 'image/png'
  if (starts('\xff\xd8\xff')) return 'image/jpeg'
  if (starts('RIFF') && starts('WEBP', 8)) return 'image/webp'
  return beginsAsSvg(bytes.toString('utf8')) ? 'image/svg+xml' : undefined
}

/** Behind whatever XML may have before its first element. */
function beginsAsSvg(text: string): boolean {
  let rest = text.replace(/^\uFEFF/, '').trimStart()
  for (const [begin, end] of [...prologs, ...prologs]) {
    while (rest.startsWith(begin)) {
      const at = rest.indexOf(end)
      if (at === -1) return false
      rest = rest.slice(at + end.length).trimStart()
    }
  }
  return /^<svg[\s>]/.test(rest)
}

const prologs = [
  ['<?xml', '>'],
  ['<!--', '-->'],
  ['<!DOCTYPE', '>'],
] as const
