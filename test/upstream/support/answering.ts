import { after } from 'node:test'
import type { Clock } from '../../../src/base/clock.ts'
import { serve, type Handler, type Reply, type Service } from './server.ts'
import { plainOptions, traced, type Traced } from './upstream.ts'

type PlainOptions = Parameters<typeof plainOptions>[1]

export interface Answering extends Traced {
  readonly service: Service
}

/** A plain upstream at a service that answers like this. Both are closed after the test that asked for them. */
export async function answering(
  handler: Handler | Reply,
  options: PlainOptions = {},
  clock?: Clock,
): Promise<Answering> {
  const service = await serve(typeof handler === 'function' ? handler : () => handler)
  after(() => service.close())
  const { upstream, trace } = traced(plainOptions(service.origin, options), clock)
  after(() => upstream.close())
  return { service, upstream, trace }
}
