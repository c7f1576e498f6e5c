import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installFromPypi } from './install.ts'
import { freePort } from '../../test/support/free-port.ts'
import { serve } from './process.ts'
import type { Program } from './program.ts'

const version = '6.1.1'

/** This authenticator fails on what is not ASCII, and then answers as to a wrong password. */
const password = 'correct: horse +/="&%\\ ~'

/** The hub alone: its proxy is a program of its own, and tokens are none of that one's business. */
const config = (hub: string, unused: string): string => `
from jupyterhub.proxy import Proxy

class NoProxy(Proxy):
    should_start = False
    async def add_route(self, routespec, target, data): pass
    async def delete_route(self, routespec): pass
    async def get_all_routes(self): return {}

c = get_config()
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.hub_bind_url = ${JSON.stringify(hub)}
c.JupyterHub.bind_url = ${JSON.stringify(unused)}
c.JupyterHub.authenticator_class = 'shared-password'
c.SharedPasswordAuthenticator.user_password = ${JSON.stringify(password)}
c.Authenticator.allowed_users = {'ada'}
c.JupyterHub.log_level = 'WARN'
`

export const jupyterhub: Program = {
  name: 'jupyterhub',
  title: 'JupyterHub',
  language: 'Python',
  version,
  install: (folder) => installFromPypi(folder, 'jupyterhub', version),

  async start(folder, data) {
    const origin = `http://127.0.0.1:${await freePort()}`
    const file = join(data, 'jupyterhub_config.py')
    writeFileSync(file, config(origin, `http://127.0.0.1:${await freePort()}`))
    const server = await serve(join(folder, 'bin', 'jupyterhub'), ['-f', file], {
      cwd: data,
      origin,
      ready: '/hub/api/',
    })
    return { server, user: 'ada', password, nobody: 'nobody', subject: 'ada' }
  },

  expected: { claims: { admin: false, groups: [] }, expiresIn: 8 * 3600, refreshes: false, logout: 'ends the token' },
}
