import { mkdirSync, mkdtempSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './markdown.ts'

/**
 * A folder as a reader of the documents has one: the packages installed, `postern` among them. It is the source, because
 * a link out of `node_modules` is what Node runs as TypeScript.
 */
export function exampleFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'postern-example-')))
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'postern'), { recursive: true })
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.') && name !== 'postern') symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  symlinkSync(join(root, 'src'), join(modules, 'postern', 'src'))
  writeJson(join(modules, 'postern', 'package.json'), {
    name: 'postern',
    type: 'module',
    exports: { '.': './src/index.ts', './decorated': './src/decorated.ts', './testing': './src/testing.ts' },
  })
  writeJson(join(folder, 'package.json'), { type: 'module', private: true })
  return folder
}

export function writeJson(file: string, value: unknown): void {
  writeFileSync(file, `${JSON.stringify(value, undefined, 2)}\n`)
}
