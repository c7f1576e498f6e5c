import { readFileSync, readdirSync } from 'node:fs'
import { parse } from 'yaml'
import type { UpstreamOptions } from '../support/upstream.ts'
import type { Shape } from './shape.ts'

export interface Described {
  readonly name: string
  readonly shape: Shape
  /** The key in the file. */
  readonly key: string
  readonly options: UpstreamOptions
  readonly yaml: string
}

/** Every shape, with the YAML that describes it. */
export async function allShapes(): Promise<readonly Described[]> {
  const names = readdirSync(import.meta.dirname).flatMap((file) =>
    file.endsWith('.yaml') ? [file.slice(0, -'.yaml'.length)] : [],
  )
  return Promise.all(
    names.toSorted().map(async (name) => {
      const { shape } = (await import(`./${name}.ts`)) as { readonly shape: Shape }
      const yaml = readFileSync(new URL(`${name}.yaml`, import.meta.url), 'utf8')
      const { upstreams } = parse(yaml) as { readonly upstreams: Readonly<Record<string, UpstreamOptions>> }
      const [entry] = Object.entries(upstreams)
      if (entry === undefined) throw new TypeError(`${name}.yaml describes nothing`)
      return { name, shape, key: entry[0], options: entry[1], yaml }
    }),
  )
}
