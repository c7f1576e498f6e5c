/** One app in a process of its own, which tells how much processor time it has used whenever it is asked. */
import type { App } from './app.ts'
import type { World } from './contestant.ts'
import { processorTime, serve } from './process.ts'

const [name = '', world = '{}'] = process.argv.slice(2)
const { app: it }: { app: App } = await import(`./apps/${name}.ts`)
const app = await it.start(JSON.parse(world) as World)
const origin = await app.listen({ host: '127.0.0.1', port: 0 })

serve({ origin: (): string => origin, usage: processorTime })
