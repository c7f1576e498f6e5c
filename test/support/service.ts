import { startUpstream, type TestUpstream } from '../../src/testing.ts'
import { secret } from './canaries.ts'

export { upstreamOptions as serviceOptions } from '../../src/testing.ts'

export type Service = TestUpstream

/** The login service of the kit, whose secrets no log may ever hold. */
export function startService(): Promise<Service> {
  return startUpstream({ onSecret: secret })
}
