import { devpi } from './devpi.ts'
import { jupyterhub } from './jupyterhub.ts'
import { nodeRed } from './node-red.ts'
import { pocketbase } from './pocketbase.ts'
import type { Program } from './program.ts'
import { verdaccio } from './verdaccio.ts'

/** In three languages. What each is there for stands in docs/upstreams-real.md. */
export const programs: readonly Program[] = [pocketbase, verdaccio, nodeRed, devpi, jupyterhub]
