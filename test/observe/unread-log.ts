/* A program whose log goes to a pipe that takes no more, and that has nothing left to do. */
import { constants, openSync } from 'node:fs'
import { logDestination } from '../../src/observe/log-destination.ts'

// Open for reading too, so that the pipe is never without a reader; not waiting, as where a log collector made it so.
const pipe = openSync(process.argv[2] ?? '', constants.O_RDWR | constants.O_NONBLOCK)
logDestination(pipe).write('x'.repeat(2_000_000))
