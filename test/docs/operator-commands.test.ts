import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startSite } from '../cli/site.ts'
import { postern, temporaryFolder } from '../cli/session.ts'
import { serviceOptions } from '../support/service.ts'
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
  /** A cluster with one Secret and one ConfigMap, each in a file; JSON is YAML. */
  const kubectl = `#!${process.execPath}
const { existsSync, readdirSync, readFileSync, writeFileSync } = require('node:fs')
const said = process.argv.slice(2).join(' ').replace(/^-n auth /, '')
const list = (name) => ({ kind: 'ConfigMap', data: { [name]: readFileSync(name, 'utf8') } })
const keys = (dir) => ({ kind: 'Secret', data: Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(dir + '/' + name, 'base64')])) })
const put = (object) => writeFileSync(object.kind + '.json', JSON.stringify(object))
const [, kind, name, from, ...more] = /^create (secret generic|configmap) (\\S+) --from-file=(\\S+)(.*)$/.exec(said) ?? []
if (said === 'get secret postern-keys -o json') process.stdout.write(readFileSync('Secret.json'))
else if (said === "get configmap postern-revocations -o jsonpath={.data.revocations\\\\.yaml}")
  process.stdout.write(JSON.parse(readFileSync('ConfigMap.json')).data['revocations.yaml'])
else if (from !== undefined) {
  const object = kind === 'configmap' ? list(from) : keys(from)
  if (more.join('').trim() === '--dry-run=client -o yaml') process.stdout.write(JSON.stringify(object))
  else put(object)
} else if (said === 'replace -f -') put(JSON.parse(readFileSync(0)))
else if (said !== 'create namespace auth') {
  console.error('unknown to this cluster: ' + said)
  process.exit(1)
}
`

  /** What stands in the Secret, or in the ConfigMap. */
  function dataOf(folder: string, kind: 'Secret' | 'ConfigMap'): Readonly<Record<string, string>> {
    return (JSON.parse(readFileSync(join(folder, `${kind}.json`), 'utf8')) as { data: Record<string, string> }).data
  }

  const commands = codeBlocks(readText('docs/kubernetes.md')).filter(({ language }) => language === 'sh')
  const blockWith = (part: string): string => {
    const found = commands.filter(({ text }) => text.includes(part))
    assert.equal(found.length, 1, part)
    return found[0]?.text ?? ''
  }
  // What belongs to the chart, and the configuration, are tried elsewhere.
  const installation = blockWith('create namespace')
    .split('\n')
    .filter((line) => !/^(?:helm|postern check| {2})/.test(line))
    .join('\n')
  const rotation = blockWith('keys rotate')

  function cluster(): string {
    const folder = temporaryFolder()
    install(folder, 'kubectl', kubectl)
    return folder
  }

  test('keys are made into a Secret, and rotated in it: two more, and none of them is left on the disk', async () => {
    const folder = cluster()
    await typed(folder, installation)
    const before = dataOf(folder, 'Secret')
    assert.equal(Object.keys(before).length, 2)
    assert.equal(existsSync(join(folder, 'keys')), false)

    const looked = rotation.replace(/^rm -r keys$/m, 'cp -rp keys looked-at\nrm -r keys')
    assert.notEqual(looked, rotation)
    await typed(folder, looked)
    const after = dataOf(folder, 'Secret')
    assert.equal(Object.keys(after).length, 4)
    assert.deepEqual({ ...after, ...before }, after)
    assert.equal(existsSync(join(folder, 'keys')), false)
    for (const name of readdirSync(join(folder, 'looked-at')))
      assert.equal(statSync(join(folder, 'looked-at', name)).mode & 0o077, 0, name)
  })

  test('a rotation whose keys do not come leaves the Secret as it was, although a shell goes on after a fault', async () => {
    const folder = cluster()
    await typed(folder, installation)
    const before = dataOf(folder, 'Secret')
    install(folder, 'jq', '#!/bin/sh\nexit 127\n')
    await typed(folder, `set +e\n${rotation}\ntrue`)
    assert.deepEqual(dataOf(folder, 'Secret'), before)
  })

  test('whoever is ended is added to the list that is in the cluster', async () => {
    const folder = cluster()
    writeFileSync(join(folder, 'revocations.yaml'), `sessions:\n  sid-1: ${new Date().toISOString()}\n`)
    const upstreams = { accounts: serviceOptions('http://127.0.0.1:1') }
    // JSON is YAML.
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ publicUrl: 'http://localhost:8080', upstreams }))
    await typed(folder, blockWith('postern-revocations --from-file=revocations.yaml\n'))
    rmSync(join(folder, 'revocations.yaml'))
    await typed(folder, blockWith('postern revoke'))
    const text = dataOf(folder, 'ConfigMap')['revocations.yaml'] ?? ''
    assert.match(text, /sid-1/)
    assert.match(text, /accounts\|42/)
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
