const markup = Symbol('markup')

/**
 * A piece of HTML made by `html`. Nothing else can make one: the symbol does not leave this file, and no JSON, form or
 * query value can carry it.
 */
export interface Html {
  readonly [markup]: string
}

/** What may stand in a template. Text and numbers are escaped; `undefined` prints nothing; a list prints its items. */
export type Interpolation = string | number | Html | readonly Html[] | undefined

/**
 * Builds HTML. What the source says is printed as it is, every interpolated value is escaped, and only a value made by
 * `html` itself goes in unescaped. There is no way around it, because the values that pages reflect (a return address,
 * a typed name) are chosen by attackers.
 *
 * Interpolate into text and into double-quoted attribute values only, never into a tag name, an unquoted attribute or
 * a style sheet: the five escapes do not protect there.
 *
 * @example html`<p title="${title}">${text}</p>`
 */
export function html(source: TemplateStringsArray, ...values: readonly Interpolation[]): Html {
  const text = source.map((part, index) => part + print(values[index])).join('')
  return Object.freeze({ [markup]: text })
}

/** The finished text, for the body of an answer. */
export function render(piece: Html): string {
  return piece[markup]
}

function print(value: Interpolation): string {
  if (value === undefined) return ''
  if (typeof value === 'string' || typeof value === 'number') return escape(String(value))
  if (markup in value) return value[markup]
  return value.map(print).join('')
}

/** HTML Living Standard 13.1.2.3 and 13.1.4: the characters that can end a text or a quoted attribute value. */
function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
