import { forwardAuthSuite } from './suite.ts'
import { startTraefikContract } from './traefik-contract.ts'

const title = "Traefik's side of the contract"

await forwardAuthSuite({
  name: 'traefik',
  title,
  missing: false,
  start: startTraefikContract,
  cacheable: true,
  keepsNonces: true,
})
