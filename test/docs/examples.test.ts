import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { exampleFolder, writeJson } from './example-folder.ts'
import { codeBlocks, documents, readText, root } from './markdown.ts'

const folder = exampleFolder()
after(() => rmSync(folder, { recursive: true, force: true }))

test('every TypeScript example of the documents is right by its types', async () => {
  const options = codeBlocks(readText('README.md')).find(({ text }) => text.includes('export const options'))
  assert.ok(options)
  const names: string[] = []
  for (const document of documents) {
    for (const [index, { language, text }] of codeBlocks(readText(document)).entries()) {
      if (language !== 'ts') continue
      // Each in its own folder: `declare module` of one is not meant for the others.
      const name = `${document.replaceAll(/\W/g, '-')}-${index}`
      names.push(name)
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'postern-options.ts'), options.text)
      writeFileSync(join(folder, name, 'example.ts'), text)
    }
  }
  assert.ok(names.length >= 6)
  writeJson(join(folder, 'tsconfig.json'), {
    extends: join(root, 'tsconfig.json'),
    include: names.map((name) => `${name}/*.ts`),
  })
  const { promise, resolve } = Promise.withResolvers<string>()
  execFile(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder],
    { cwd: folder },
    (_error, stdout, stderr) => resolve(stdout + stderr),
  )
  // What is wrong in `src/` is said by the type check of the project.
  const faults = (await promise).split('\n').filter((line) => line !== '' && !line.startsWith('..'))
  assert.deepEqual(faults, [])
})
