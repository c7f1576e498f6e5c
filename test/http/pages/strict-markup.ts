/**
 * Reads HTML far more strictly than a browser: every attribute double-quoted, every element closed, no character
 * reference but the five that we write, no stray `<` or `>`. A value that breaks out of its place shows as a fault or as
 * another skeleton.
 */
export interface Element {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: (Element | string)[]
}

const voids = new Set(['meta', 'link', 'input', 'img', 'source'])
const references = new Map([
  ['&amp;', '&'],
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['&quot;', '"'],
  ['&#39;', "'"],
])
const reference = /&(?:amp|lt|gt|quot|#39);/gu

/** The `html` element of a whole document. Throws at the first fault. */
export function parseStrictly(page: string): Element {
  const doctype = '<!doctype html>\n'
  if (!page.startsWith(doctype)) throw new Error('no doctype')
  const root = newElement('#document', '')
  const open = [root]
  const token =
    /<(?<close>\/?)(?<name>[a-z][a-z0-9]*)(?<attributes>(?: [a-zA-Z_-]+(?:="[^"]*")?)*)(?<selfClosed>\/?)>|(?<text>[^<]+)|(?<stray>[^])/gu
  for (const { groups = {} } of page.slice(doctype.length).matchAll(token)) {
    const parent = open.at(-1)
    if (!parent) throw new Error('closed more than was opened')
    if (groups.stray !== undefined) throw new Error(`stray ${groups.stray}`)
    if (groups.text !== undefined) {
      parent.children.push(parent.name === 'style' ? groups.text : decode(groups.text))
    } else if (groups.close) {
      if (open.pop()?.name !== groups.name) throw new Error(`</${groups.name}> closes another element`)
    } else {
      const element = newElement(groups.name ?? '', groups.attributes ?? '')
      parent.children.push(element)
      if (!groups.selfClosed && !voids.has(element.name)) open.push(element)
    }
  }
  if (open.length !== 1) throw new Error(`${open.at(-1)?.name} is not closed`)
  const [html, ...rest] = root.children.filter((child) => typeof child !== 'string' || child.trim() !== '')
  if (html === undefined || typeof html === 'string' || html.name !== 'html' || rest.length > 0)
    throw new Error('not one html element')
  return html
}

function newElement(name: string, source: string): Element {
  const attributes = new Map<string, string>()
  for (const [, key = '', value = ''] of source.matchAll(/ ([a-zA-Z_-]+)(?:="([^"]*)")?/gu)) {
    if (attributes.has(key)) throw new Error(`${key} stands twice`)
    attributes.set(key, decode(value))
  }
  return { name, attributes, children: [] }
}

function decode(text: string): string {
  const rest = text.replace(reference, '')
  if (/[<>&]/.test(rest)) throw new Error(`a bare character in ${text}`)
  return text.replace(reference, (match) => references.get(match) ?? match)
}

/** The element and everything in it, in document order. */
export function descendants(element: Element): Element[] {
  return [element, ...element.children.flatMap((child) => (typeof child === 'string' ? [] : descendants(child)))]
}

/** All elements of that name. */
export function elements(page: string, name: string): Element[] {
  return descendants(parseStrictly(page)).filter((element) => element.name === name)
}

export function textOf(element: Element): string {
  return element.children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('')
}

/** Names of elements and attributes, without any value or text: what an interpolated value must not be able to change. */
export function skeleton(page: string): string {
  return descendants(parseStrictly(page))
    .map(({ name, attributes }) => `${name}(${[...attributes.keys()].join(' ')})`)
    .join('\n')
}
