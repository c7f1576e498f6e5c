import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'node:test'

interface Ask {
  readonly postern: 'ask'
  readonly id: number
  readonly name: string
}

test('LO-03 a worker serves nothing before it knows what ended, and claims nothing that nobody granted', async () => {
  const worker = fork(join(import.meta.dirname, 'worker-that-asks.ts'), { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  assert.ok(worker.stdout)
  const said = text(worker.stdout)
  const ended = once(worker, 'exit')
  const asked: string[] = []
  const denial = { sid: 'a', reason: 'signed_out', until: Date.now() + 60_000 }
  worker.on('message', (message) => {
    const { id, name } = message as Ask
    asked.push(name)
    // Longer than it waits for anything else, which here is never answered.
    if (name === 'endings') void wait(1_500).then(() => worker.send({ postern: 'answer', id, answer: [denial] }))
  })
  assert.deepEqual(JSON.parse(await said), { heard: [denial], claimed: { state: 'unknown' } })
  assert.deepEqual(asked, ['endings', 'add'])
  assert.deepEqual((await ended)[0], 0)
})
