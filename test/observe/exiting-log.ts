/* A program that logs and exits at once, as after a fault that nobody caught, while Node's threads are all at work. */
import { pbkdf2 } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { logDestination } from '../../src/observe/log-destination.ts'

const [turns, busy] = process.argv.slice(2).map(Number)
for (let count = 0; count < (busy ?? 0); count += 1) pbkdf2('a', 'b', 20_000, 32, 'sha256', () => undefined)
const log = logDestination()
for (let index = 0; index < 100; index += 1) {
  log.write(`${index}\n`)
  if (index < (turns ?? 0)) await turn()
}
process.exit()
