/**
 * Shows that bodies pass the gateway without being held: sends a gigabyte up and one down through a gateway in a process
 * of its own, and prints how much memory that process came to.
 *
 *     node scripts/stream-memory.ts [MEGABYTES]
 */
import { measure } from './stream-memory/measure.ts'

const megabytes = Number(process.argv[2] ?? 1000)
const { before, up, down, arrived } = await measure(megabytes * 1_000_000)
const shown = (bytes: number) => `${(bytes / 1_000_000).toFixed(1)} MB`
process.stdout.write(
  [
    `before             ${shown(before)}`,
    `${megabytes} MB up, at most  ${shown(up)}  (${shown(arrived.up)} arrived)`,
    `${megabytes} MB down, at most ${shown(down)} (${shown(arrived.down)} arrived)`,
    `growth             ${shown(Math.max(up, down) - before)}`,
    '',
  ].join('\n'),
)
