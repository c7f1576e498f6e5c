import assert from 'node:assert/strict'
import { test } from 'node:test'
import { installedPages } from '../../src/base/installed.ts'
import { contents } from '../../scripts/container/contents.ts'
import { readText } from '../docs/markdown.ts'

/*
 * What can be said of the image without building it. What the kernel says of it while it runs is shown by
 * scripts/container.ts, which needs a builder of images and root.
 */

const ignored = readText('.dockerignore').split('\n').filter(Boolean)
const lines = readText('Dockerfile')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
const stages = lines
  .join('\n')
  .split(/^FROM /m)
  .slice(1)
const last = stages.at(-1) ?? ''

test('CF-03 nothing reaches the builder of the image but what it compiles: no keys, no configuration, no history', () => {
  assert.equal(
    ignored.find((line) => !line.startsWith('#')),
    '*',
  )
  const open = ignored.filter((line) => line.startsWith('!'))
  assert.deepEqual(open, [
    '!package.json',
    '!package-lock.json',
    '!tsconfig.json',
    '!tsconfig.build.json',
    '!LICENSE',
    ...installedPages.map((name) => `!docs/${name}.md`),
    '!scripts/build.ts',
    '!scripts/sbom.ts',
    '!src',
  ])
})

test('CF-03 no secret is asked for by the build, so none can stand in its history', () => {
  assert.deepEqual(
    lines.filter((line) => line.startsWith('ARG ')).map((line) => line.split(/[ =]/)[1]),
    ['BASE'],
  )
  assert.deepEqual(
    lines.filter((line) => line.startsWith('ENV ')),
    ['ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/compiled'],
  )
  assert.deepEqual(
    lines.filter((line) => /^ADD |--mount=type=secret/.test(line)),
    [],
  )
})

test('CF-04 it runs as a user with a number, by commands that take no shell, with nothing of its own but the keys', () => {
  assert.match(last, /^USER 65532:65532$/m)
  for (const command of ['ENTRYPOINT', 'CMD']) assert.match(last, new RegExp(`^${command} \\[".*"\\]$`, 'm'))
  assert.match(last, /^HEALTHCHECK .* CMD \[".*"\]$/m)
  assert.deepEqual(
    [...last.matchAll(/chown (\S+) (\S+)$/gm)].map(([, who, what]) => `${who} ${what}`),
    ['65532:65532 keys'],
  )
})

test('it carries the pages that messages name, where they are looked for', () => {
  const pages = installedPages.map((name) => `docs/${name}.md`)
  assert.deepEqual(/^COPY (docs\/.+) docs\/$/m.exec(last)?.[1]?.split(' '), pages)
})

test('CF-04 it carries the bill of materials that was made of what is installed in it', () => {
  const made = stages.findIndex((stage) => /^RUN node scripts\/sbom\.ts \. > sbom\.cdx\.json$/m.test(stage))
  const name = /^\S+ AS (\S+)$/m.exec(stages[made] ?? '')?.[1]
  assert.equal(name, 'dependencies')
  for (const from of ['node_modules', 'sbom.cdx.json'])
    assert.match(last, new RegExp(`^COPY --from=${name} /app/${from.replaceAll('.', '\\.')} `, 'm'))
})

test('what is looked for in the image that runs is what its last stage puts there', () => {
  const copied = [...last.matchAll(/^COPY (?:--from=\S+ )?(.+) (\S+)$/gm)].flatMap(([, from = '', to = '']) =>
    to === './' ? from.split(' ') : [to],
  )
  const made = [...last.matchAll(/mkdir -m 700 (\S+)/g)].map(([, name = '']) => name)
  const names = [...copied, ...made].map((path) => path.replace(/^\/app\//, '').replace(/\/$/, ''))
  assert.deepEqual([...names, 'postern.yaml'].toSorted(), contents)
})
