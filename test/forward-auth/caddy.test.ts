import { caddy } from './programs.ts'
import { forwardAuthSuite } from './suite.ts'

await forwardAuthSuite({ ...caddy, title: caddy.missing === false ? `caddy, ${caddy.version()}` : 'caddy' })
