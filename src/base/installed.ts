import { join, resolve } from 'node:path'

/** What messages point to. These pages, and no others, are in the package and in the image. */
export const installedPages = ['configuration', 'endpoints', 'errors', 'operations', 'pages', 'plugin'] as const

type Page = (typeof installedPages)[number]

/** Within the package. The schema is for editors: JSON Schema of the configuration. */
export const within = { schema: 'dist/schema.json', page: (name: Page) => `docs/${name}.md` } as const

/** Within the package, wherever it is installed: `dist/` and `src/` lie equally deep. Asked for late: a bundle has no such place. */
const installed = (path: string) => join(resolve(import.meta.dirname, '../..'), path)

/** Where a page is to be read on this machine. */
export function page(name: Page): string {
  return installed(within.page(name))
}

export const schemaFile = (): string => installed(within.schema)
