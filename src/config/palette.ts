/*
 * The colours of the pages. Whatever colour a site brings along, what is written in it or on it can be read: text has a
 * contrast of 4.5 to 1 at least (WCAG 2.2, 1.4.3), edges of controls and focus rings of 3 to 1 (1.4.11).
 */

/** Each as `#rrggbb`. */
export interface Palette {
  readonly ground: string
  readonly card: string
  readonly text: string
  readonly quiet: string
  /** Of the card, and between its parts. */
  readonly edge: string
  /** Of a control. */
  readonly line: string
  readonly field: string
  /** Links, focus, drawings. */
  readonly accent: string
  readonly accentStrong: string
  /** The button, and what is written on it. */
  readonly fill: string
  readonly fillStrong: string
  readonly fillEdge: string
  readonly onFill: string
  readonly alert: string
  readonly alertGround: string
}

export interface Palettes {
  readonly light: Palette
  readonly dark: Palette
}

const ownLight: Palette = {
  ground: '#e9e6df',
  card: '#fffefb',
  text: '#1d2021',
  quiet: '#555b5e',
  edge: '#cfcabf',
  line: '#7d8386',
  field: '#ffffff',
  accent: '#0d5f58',
  accentStrong: '#08453f',
  fill: '#0d5f58',
  fillStrong: '#08453f',
  fillEdge: '#0d5f58',
  onFill: '#ffffff',
  alert: '#a3231a',
  alertGround: '#fdefec',
}

const ownDark: Palette = {
  ground: '#111314',
  card: '#1c1f21',
  text: '#eceeed',
  quiet: '#a9b1b3',
  edge: '#373d40',
  line: '#7f888b',
  field: '#141617',
  accent: '#62cbb9',
  accentStrong: '#8adfd0',
  fill: '#62cbb9',
  fillStrong: '#8adfd0',
  fillEdge: '#62cbb9',
  onFill: '#05211d',
  alert: '#ff9f94',
  alertGround: '#361d1a',
}

/** Least contrast of text. */
export const readable = 4.5

/** Least contrast of what has to be seen, not read. */
const visible = 3

const black = '#000000'
const white = '#ffffff'

/** @param color of the brand; undefined: the colours that the pages have of their own */
export function palettesOf(color: string | undefined): Palettes {
  return color === undefined
    ? { light: ownLight, dark: ownDark }
    : { light: branded(neutralLight, color, 'light'), dark: branded(neutralDark, color, 'dark') }
}

/** Beside a colour of the site's own, what surrounds it has none. */
const neutralLight: Palette = { ...ownLight, ground: '#eeeeef', card: '#ffffff', edge: '#d0d1d3' }
const neutralDark: Palette = { ...ownDark, ground: '#121213', card: '#1d1e20', edge: '#3a3b3e', field: '#151617' }

function branded(base: Palette, color: string, scheme: keyof Palettes): Palette {
  const away = scheme === 'light' ? black : white
  const accent = towards(away, color, [base.ground, base.card, base.field])
  const seen = contrast(color, base.card) >= visible
  // On dark pages a dark button would be a hole. On light ones a pale button keeps its colour, and has an edge.
  const fill = seen || scheme === 'light' ? color.toLowerCase() : accent
  const onFill = contrast(white, fill) >= readable ? white : black
  return {
    ...base,
    accent,
    accentStrong: mix(accent, away, 0.3),
    fill,
    // Away from what is written on it; black has no darker shade.
    fillStrong: mix(fill, onFill === white && luminance(fill) > 0.02 ? black : white, 0.2),
    fillEdge: seen ? fill : accent,
    onFill,
  }
}

/** The colour itself, or the first shade of it in that direction that can be read on all of these. */
function towards(end: string, color: string, backgrounds: readonly string[]): string {
  const { hue, saturation, lightness } = toHsl(color)
  const goal = end === white ? 1 : 0
  for (let share = 0; share < 1; share += 0.02) {
    const shade =
      share === 0
        ? color.toLowerCase()
        : fromHsl({ hue, saturation, lightness: lightness + (goal - lightness) * share })
    if (backgrounds.every((background) => contrast(shade, background) >= readable)) return shade
  }
  return end
}

/** Hue in degrees, the others from 0 to 1 (CSS Color 4, section 7). A shade of one hue looks like the same colour; one mixed with white looks grey. */
interface Hsl {
  readonly hue: number
  readonly saturation: number
  readonly lightness: number
}

function toHsl(color: string): Hsl {
  const [red = 0, green = 0, blue = 0] = channels(color).map((value) => value / 255)
  const [least, most] = [Math.min(red, green, blue), Math.max(red, green, blue)]
  const lightness = (least + most) / 2
  const range = most - least
  if (range === 0) return { hue: 0, saturation: 0, lightness }
  const sixth =
    most === red
      ? ((green - blue) / range + 6) % 6
      : most === green
        ? (blue - red) / range + 2
        : (red - green) / range + 4
  return { hue: sixth * 60, saturation: (most - lightness) / Math.min(lightness, 1 - lightness), lightness }
}

function fromHsl({ hue, saturation, lightness }: Hsl): string {
  const reach = saturation * Math.min(lightness, 1 - lightness)
  return hex(
    [0, 8, 4].map((offset) => {
      const place = (offset + hue / 30) % 12
      return 255 * (lightness - reach * Math.max(-1, Math.min(place - 3, 9 - place, 1)))
    }),
  )
}

/** @param share of the second, from 0 to 1 */
function mix(one: string, other: string, share: number): string {
  const parts = channels(one).map((value, index) => value + ((channels(other)[index] ?? 0) - value) * share)
  return hex(parts)
}

function hex(parts: readonly number[]): string {
  return `#${parts.map((value) => Math.round(value).toString(16).padStart(2, '0')).join('')}`
}

/** WCAG 2.2, "contrast ratio". */
export function contrast(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b)
  return (lighter + 0.05) / (darker + 0.05)
}

/** WCAG 2.2, "relative luminance". */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = channels(color).map((value) => {
    const share = value / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function channels(color: string): readonly number[] {
  return [1, 3, 5].map((start) => Number.parseInt(color.slice(start, start + 2), 16))
}
