import { nginx } from './programs.ts'
import { forwardAuthSuite } from './suite.ts'

await forwardAuthSuite({ ...nginx, title: nginx.missing === false ? `nginx, ${nginx.version()}` : 'nginx' })
