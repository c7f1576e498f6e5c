import { traefik } from './programs.ts'
import { forwardAuthSuite } from './suite.ts'

const title = traefik.missing === false ? `Traefik itself, ${traefik.version()}` : 'Traefik itself'

await forwardAuthSuite({ ...traefik, title, normalises: true, cacheable: true, keepsNonces: true })
