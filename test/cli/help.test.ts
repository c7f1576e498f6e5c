import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { rmSync } from 'node:fs'
import { readText } from '../docs/markdown.ts'
import { postern, temporaryFolder } from './session.ts'

const folder = temporaryFolder()
after(() => rmSync(folder, { recursive: true, force: true }))

const commands = [
  'demo',
  'init',
  'serve',
  'check',
  'doctor',
  'explain',
  'token',
  'keys',
  'try-login',
  'snippet',
  'revoke',
  'healthcheck',
]

test('the help is one text, asked for in whatever way', async () => {
  const asked = await postern(folder, ['--help'])
  assert.equal(asked.code, 0)
  assert.equal(asked.stderr, '')
  assert.match(asked.stdout, /^postern: a stateless auth gateway\n\nUsage: postern COMMAND \[options\]\n/)
  assert.match(asked.stdout, /\nExit codes: 0 good, 1 faults were found, 2 bad usage or a missing file\.\n$/)
  for (const args of [['help'], ['-h']]) assert.deepEqual(await postern(folder, args), asked, args.join(' '))
  for (const name of commands) assert.match(asked.stdout, new RegExp(`^  ${name}\\b`, 'm'))
})

test('the version is that of the package, and of Node', async () => {
  const { version } = JSON.parse(readText('package.json')) as { version: string }
  const asked = await postern(folder, ['--version'])
  assert.deepEqual(asked, { code: 0, stdout: `postern ${version}, Node ${process.versions.node}\n`, stderr: '' })
  assert.deepEqual(await postern(folder, ['-v']), asked)
})

for (const name of commands) {
  test(`${name} has a help of its own, with an example and its exit codes, and does nothing else`, async () => {
    const asked = await postern(folder, [name, '--help'])
    assert.equal(asked.code, 0)
    assert.equal(asked.stderr, '')
    assert.match(asked.stdout, new RegExp(`^postern ${name}\\b.*: .+\\n\\nUsage: .*postern ${name}`))
    assert.match(asked.stdout, /\n\nExample:\n {2}\S.*\n\nExit codes: .+\n$/)
    for (const line of asked.stdout.split('\n')) assert.ok(line.length <= 132, line)
    assert.deepEqual(await postern(folder, [name, '-h']), asked)
    assert.deepEqual(await postern(folder, ['help', name]), asked)
  })
}

test('without a command it is the same text, as a fault', async () => {
  const { code, stdout, stderr } = await postern(folder, [])
  assert.deepEqual({ code, stdout }, { code: 2, stdout: '' })
  assert.equal(stderr, (await postern(folder, ['--help'])).stdout)
})

test('colours are for terminals, and not where none are wanted', async () => {
  const plain = await postern(folder, ['doctor', '--config', 'none.yaml'], { FORCE_COLOR: '' })
  assert.equal(plain.code, 2)
  for (const env of [{}, { NO_COLOR: '1' }] as const) {
    const { stdout } = await postern(folder, ['init', '--force'], env)
    assert.doesNotMatch(stdout, /\u001b/)
  }
})
