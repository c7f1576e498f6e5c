/*
 * A process with two workers, of which one stands still after a while. Says which it had to end, and how that ended.
 */
import cluster, { type Worker } from 'node:cluster'
import { answerPulse, watchPulse } from '../../src/cli/worker-pulse.ts'

if (cluster.isPrimary) {
  const up: Worker[] = []
  const said: unknown[] = []
  const log = { error: (record: unknown) => said.push(record) }
  watchPulse({ workers: () => up, log, every: 500, most: 3 })
  cluster.on('message', (worker, message: unknown) => {
    if (message !== 'up') return
    up.push(worker)
    if (up.length === 2) setTimeout(standStill, 2_000)
  })
  for (let count = 0; count < 2; count += 1) cluster.fork()

  function standStill(): void {
    const [still, well] = up
    still?.process.kill('SIGSTOP')
    still?.on('exit', (_code, signal) => {
      const expected = { worker: still.id, pid: still.process.pid }
      process.stdout.write(JSON.stringify({ signal, said, expected: [expected], otherIsDead: well?.isDead() }))
      well?.process.kill('SIGKILL')
    })
  }
} else {
  answerPulse()
  process.send?.('up')
}
