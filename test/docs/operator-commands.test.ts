import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startSite } from '../cli/site.ts'
import { postern, temporaryFolder } from '../cli/session.ts'
import { codeBlocks, documents, readText, root } from './markdown.ts'
import { missingProgram, shell } from './program.ts'

/*
 * What an operator types from the pages, with the words of the pages. Docker and a cluster are not asked: `kubectl` is a
 * script here that keeps one Secret in a file.
 */

const main = join(root, 'src/cli/main.ts')

/** Puts a program on the path of `typed`. */
function install(folder: string, name: string, script: string): void {
  mkdirSync(join(folder, 'bin'), { recursive: true })
  writeFileSync(join(folder, 'bin', name), script)
  chmodSync(join(folder, 'bin', name), 0o755)
}

function typed(folder: string, lines: string): Promise<string> {
  install(folder, 'postern', `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
  return shell(folder, `PATH="$PWD/bin:$PATH"\n${lines}`)
}

/** The shell lines below a heading. */
function linesOf(page: string, heading: string): string {
  const found = codeBlocks(readText(page)).find((block) => block.language === 'sh' && block.heading === heading)
  assert.ok(found, `${page} has commands under ${heading}`)
  return found.text
}

async function eventually(holds: () => Promise<boolean>, what: string): Promise<void> {
  const until = Date.now() + 20_000
  while (!(await holds())) {
    assert.ok(Date.now() < until, what)
    await wait(100)
  }
}

async function siteOf(t: TestContext) {
  const site = await startSite()
  t.after(() => site.close())
  const published = async () => {
    const answer = await fetch(`${site.gateway.origin}/.well-known/jwks.json`)
    return ((await answer.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)
  }
  return { ...site, published }
}

describe('docs/keys.md, beside a gateway that runs', () => {
  test('a rotation: the next keys are published within seconds, and nobody is signed out', async (t) => {
    const { folder, published, cookieLine, run } = await siteOf(t)
    const [before] = await published()
    const credential = await cookieLine()
    const printed = await typed(folder, linesOf('docs/keys.md', 'Rotation'))
    assert.match(printed, /current/)
    assert.match(printed, /next/)
    await eventually(async () => (await published()).length === 2, 'both signing keys are published')
    assert.ok((await published()).includes(before ?? ''))
    assert.match((await run(['token', 'inspect'], credential)).stdout, /good/i)
  })

  test('a key that is withdrawn: its successor is in force, and its sessions are not', async (t) => {
    const { gateway, folder, published, cookieLine } = await siteOf(t)
    const [leaked = ''] = await published()
    const [, cookie = ''] = (await cookieLine()).trim().split(': ')
    const asked = async () => (await fetch(`${gateway.origin}/_auth/session`, { headers: { cookie } })).status
    assert.equal(await asked(), 200)
    const lines = linesOf('docs/keys.md', 'Withdrawing a key')
    assert.match(lines, /^rm keys\/\w+\.jwk\.json/m)
    await typed(folder, lines.replace(/keys\/\w+\.jwk\.json/, `keys/${leaked}.jwk.json`))
    await eventually(async () => !(await published()).includes(leaked), 'it is withdrawn')
    assert.equal((await published()).length, 1)
    assert.equal(await asked(), 401)
  })
})

describe('docs/kubernetes.md', { skip: missingProgram('jq') }, () => {
  /** A cluster with one Secret, which is the file `secret.json`; JSON is YAML. */
  const kubectl = `#!${process.execPath}
const { readdirSync, readFileSync, writeFileSync } = require('node:fs')
const said = process.argv.slice(2).join(' ')
const words = said.replace(/^-n auth /, '')
if (words === 'get secret postern-keys -o json') process.stdout.write(readFileSync('secret.json'))
else if (words.startsWith('create secret generic postern-keys --from-file=./keys')) {
  const data = Object.fromEntries(readdirSync('keys').map((name) => [name, readFileSync('keys/' + name, 'base64')]))
  const secret = JSON.stringify({ kind: 'Secret', data })
  if (words.endsWith('--dry-run=client -o yaml')) process.stdout.write(secret)
  else writeFileSync('secret.json', secret)
} else if (words === 'replace -f -') writeFileSync('secret.json', readFileSync(0))
else if (words !== 'create namespace auth') {
  console.error('unknown to this cluster: ' + said)
  process.exit(1)
}
`

  const keysOf = (folder: string): string[] =>
    Object.keys((JSON.parse(readFileSync(join(folder, 'secret.json'), 'utf8')) as { data: object }).data).toSorted()

  test('keys are made into a Secret, and rotated in it: two more, and none of them is left on the disk', async () => {
    const folder = temporaryFolder()
    install(folder, 'kubectl', kubectl)
    // What belongs to the chart is tried with its own templates.
    const [first = ''] = codeBlocks(readText('docs/kubernetes.md')).flatMap(({ language, text }) =>
      language === 'sh' && text.includes('create namespace') ? [text] : [],
    )
    const firstLines = first
      .split('\n')
      .filter((line) => !/^(?:helm|postern check| {2})/.test(line))
      .join('\n')
    assert.match(firstLines, /postern keys generate/)
    await typed(folder, firstLines)
    const before = keysOf(folder)
    assert.equal(before.length, 2)

    await typed(folder, 'mv keys elsewhere')
    const rotation = linesOf('docs/kubernetes.md', 'Rotating keys')
    const kept = rotation.replace(/^rm -r keys$/m, 'cp -rp keys looked-at\nrm -r keys')
    assert.notEqual(kept, rotation)
    await typed(folder, kept)
    const after = keysOf(folder)
    assert.equal(after.length, 4)
    assert.ok(before.every((name) => after.includes(name)))
    assert.equal(existsSync(join(folder, 'keys')), false)
    for (const name of readdirSync(join(folder, 'looked-at')))
      assert.equal(statSync(join(folder, 'looked-at', name)).mode & 0o077, 0, name)
    for (const name of before)
      assert.deepEqual(readFileSync(join(folder, 'looked-at', name)), readFileSync(join(folder, 'elsewhere', name)))
  })
})

/** The words that begin each command of the shell lines of the documents, and what stands behind them. */
function commandsOf(program: RegExp): readonly { readonly page: string; readonly line: string }[] {
  return documents.flatMap((page) =>
    codeBlocks(readText(page))
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => text.replaceAll('\\\n', ' ').split(/\n|\| | && /))
      .map((line) => line.replace(/ #.*/, '').trim())
      .filter((line) => program.test(line))
      .map((line) => ({ page, line })),
  )
}

describe('the commands of all documents', () => {
  test('those of the CLI exist, with every option that they are given', async () => {
    const commands = commandsOf(/^postern [a-z]/)
    assert.ok(commands.length > 30)
    const helps = new Map<string, string>()
    for (const { page, line } of commands) {
      const [, name = ''] = line.split(' ')
      if (!helps.has(name)) {
        const { code, stdout } = await postern(root, [name, '--help'])
        assert.equal(code, 0, `${page}: ${line}`)
        helps.set(name, stdout)
      }
      const family = ['keys', 'token'].includes(name) ? line.split(' ').slice(0, 3).join(' ') : `postern ${name}`
      assert.ok(helps.get(name)?.includes(family), `${page}: ${line}`)
      for (const [option] of line.matchAll(/--[a-z-]+/g))
        assert.ok(helps.get(name)?.includes(option), `${page}: ${option} of ${line}`)
    }
  })

  test('scripts of the package and files that are run exist', () => {
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: Readonly<Record<string, string>> }
    const run = commandsOf(/^npm run /)
    assert.ok(run.length > 10)
    for (const { page, line } of run)
      assert.ok(Object.hasOwn(scripts, /^npm run ([\w:-]+)/.exec(line)?.[1] ?? ''), `${page}: ${line}`)
    const files = commandsOf(/^(?:npx )?node (?:--test )?[\w/]+\//)
    assert.ok(files.length > 1)
    for (const { page, line } of files) {
      const [file = ''] = /[\w./-]+\.\w+/.exec(line) ?? []
      assert.ok(existsSync(join(root, file)), `${page}: ${line}`)
    }
  })
})
