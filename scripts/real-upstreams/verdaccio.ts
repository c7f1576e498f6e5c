import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installFromNpm } from './install.ts'
import { freePort } from '../../test/support/free-port.ts'
import { serve } from './process.ts'
import { password, send, type Program } from './program.ts'

const version = '6.10.4'

/** Room for the one user who is made below, and for nobody else: registration is closed from then on. */
const config = {
  storage: './storage',
  auth: { htpasswd: { file: './htpasswd', max_users: 1 } },
  uplinks: {},
  packages: { '**': { access: '$authenticated', publish: '$authenticated' } },
  log: { type: 'stdout', format: 'pretty', level: 'warn' },
}

export const verdaccio: Program = {
  name: 'verdaccio',
  title: 'Verdaccio',
  language: 'JavaScript',
  version,
  // One of its parts asks for a tag of this package, which a mirror of the registry may not have.
  install: (folder) => installFromNpm(folder, 'verdaccio', version, { 'node-fetch': '2.7.0' }),

  async start(folder, data) {
    // JSON is YAML.
    writeFileSync(join(data, 'config.yaml'), JSON.stringify(config))
    const address = `127.0.0.1:${await freePort()}`
    const origin = `http://${address}`
    const program = join(folder, 'node_modules', 'verdaccio', 'bin', 'verdaccio')
    const args = [program, '--config', join(data, 'config.yaml'), '--listen', address]
    const server = await serve(process.execPath, args, { cwd: data, origin, ready: '/-/ping' })
    await send(`${origin}/-/user/org.couchdb.user:ada`, { method: 'PUT', json: { name: 'ada', password } })
    return { server, user: 'ada', password, nobody: 'nobody', subject: 'ada' }
  },

  expected: { claims: {}, expiresIn: undefined, refreshes: false, logout: 'token lives on' },
}
