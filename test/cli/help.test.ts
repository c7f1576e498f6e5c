import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { rmSync } from 'node:fs'
import { postern, temporaryFolder } from './session.ts'

const folder = temporaryFolder()
after(() => rmSync(folder, { recursive: true, force: true }))

test('the help is one text, asked for in whatever way', async () => {
  const asked = await postern(folder, ['--help'])
  assert.equal(asked.code, 0)
  assert.equal(asked.stderr, '')
  assert.match(asked.stdout, /^postern: a stateless auth gateway\n\nUsage: postern COMMAND \[options\]\n/)
  assert.match(asked.stdout, /\nExit codes: 0 good, 1 faults were found, 2 bad usage or a missing file\.\n$/)
  for (const args of [['help'], ['-h'], ['serve', '--help']])
    assert.deepEqual(await postern(folder, args), asked, args.join(' '))
})

test('without a command it is the same text, as a fault', async () => {
  const { code, stdout, stderr } = await postern(folder, [])
  assert.deepEqual({ code, stdout }, { code: 2, stdout: '' })
  assert.equal(stderr, (await postern(folder, ['--help'])).stdout)
})
