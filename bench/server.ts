/** One contestant in a process of its own, which tells how much processor time it has used whenever it is asked. */
import type { Contestant } from './contestant.ts'
import { serve } from './process.ts'

const [name = '', loginService = ''] = process.argv.slice(2)
const { contestant }: { contestant: Contestant } = await import(`./contestants/${name}.ts`)
const app = await contestant.start(loginService)
const origin = await app.listen({ host: '127.0.0.1', port: 0 })

serve({
  origin: (): string => origin,
  /** Microseconds since the start, user and system, every thread of the process. */
  usage: (): number => {
    const { user, system } = process.cpuUsage()
    return user + system
  },
})
