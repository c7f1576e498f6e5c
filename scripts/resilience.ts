/**
 * What people see while parts fail: three replicas of `postern serve` and a Redis behind HAProxy, a login service, a
 * backend, people with browsers and programs; and then restarts, rotations, a withdrawn key, a replica killed, one frozen,
 * the login service down, Redis restarted and emptied. Loopback only, some minutes.
 *
 *     npm run resilience [-- --short] [-- --only 'replica frozen']
 *
 * Status 1: a goal was missed. See docs/operations.md.
 */
import { parseArgs } from 'node:util'
import { haproxyMissing } from './resilience/haproxy.ts'
import { incidents } from './resilience/incidents.ts'
import { run } from './resilience/run.ts'
import { redisMissing } from '../test/support/redis.ts'
import { long, short } from './resilience/sizes.ts'

const { values } = parseArgs({
  options: { short: { type: 'boolean', default: false }, only: { type: 'string', multiple: true } },
})
const missing = [haproxyMissing(), redisMissing].filter((reason) => reason !== false)
const unknown = values.only?.filter((name) => !Object.hasOwn(incidents, name)) ?? []

if (missing.length > 0 || unknown.length > 0) {
  for (const reason of missing) console.error(`${reason}; it is needed`)
  if (unknown.length > 0)
    console.error(`Unknown: ${unknown.join(', ')}. There are:\n  ${Object.keys(incidents).join('\n  ')}`)
  process.exitCode = 2
} else {
  const size = values.short ? short : long
  const began = Date.now()
  const { tally, counts, reasonOf } = await run({
    ...size,
    only: values.only ?? size.only,
    say: (line) => console.log(line),
  })
  console.log(`\n${tally.table()}\n`)
  console.log(
    `login service: ${Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
  )
  console.log(`time: ${((Date.now() - began) / 1000).toFixed(0)} s\n`)
  console.log(tally.explain(reasonOf))
  const missed = tally.missed()
  console.log(missed.length === 0 ? '\ngood: no goal was missed' : `\nmissed: ${missed.join(', ')}`)
  process.exitCode = missed.length === 0 ? 0 : 1
}
