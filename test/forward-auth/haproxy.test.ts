import { haproxy } from './programs.ts'
import { forwardAuthSuite } from './suite.ts'

await forwardAuthSuite({ ...haproxy, title: haproxy.missing === false ? `haproxy, ${haproxy.version()}` : 'haproxy' })
