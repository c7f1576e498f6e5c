import { listed, type Spot } from './faults.ts'
import { nearest } from './nearest.ts'

/** `{name}` in a template. Braces around anything else stand for themselves; no name is half as long. */
export const fieldPattern = /\{([A-Za-z][A-Za-z0-9_]{0,63})\}/g

/** The fields that a template may use, and those that it did. */
export interface Fields {
  readonly known: ReadonlySet<string>
  readonly used: Set<string>
}

/** Notes a field that nothing defines. Its name is told only where it is close to a known one: the text may be a secret. */
export function checkTemplate(spot: Spot, template: string, { known, used }: Fields): void {
  for (const [, name = ''] of template.matchAll(fieldPattern)) {
    used.add(name)
    if (known.has(name)) continue
    const meant = nearest(name, known)
    const fields = listed([...known].map((one) => `{${one}}`))
    spot.fault(
      meant === undefined
        ? `uses a field that nothing defines; known here are ${fields}`
        : `uses \`{${name}}\`, which nothing defines; did you mean \`{${meant}}\`? Known here are ${fields}`,
    )
  }
}
