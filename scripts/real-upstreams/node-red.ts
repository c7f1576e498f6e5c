import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { installFromNpm } from './install.ts'
import { freePort } from '../../test/support/free-port.ts'
import { serve } from './process.ts'
import { password, type Program } from './program.ts'

const version = '5.0.7'
const user = 'ada lovelace+1@example.com'

/** Of bcrypt, which it brings along: users stand in its settings, as hashes. */
type Hash = (text: string, rounds: number) => string

export const nodeRed: Program = {
  name: 'node-red',
  title: 'Node-RED',
  language: 'JavaScript',
  version,
  install: (folder) => installFromNpm(folder, 'node-red', version),

  async start(folder, data) {
    const port = await freePort()
    const { hashSync } = createRequire(join(folder, 'package.json'))('bcryptjs') as { readonly hashSync: Hash }
    const settings = {
      uiHost: '127.0.0.1',
      uiPort: port,
      userDir: data,
      flowFile: 'flows.json',
      credentialSecret: 'only-for-this-run',
      logging: { console: { level: 'warn' } },
      adminAuth: {
        type: 'credentials',
        sessionExpiryTime: 3600,
        users: [{ username: user, password: hashSync(password, 8), permissions: '*' }],
      },
    }
    const file = join(data, 'settings.cjs')
    writeFileSync(file, `module.exports = ${JSON.stringify(settings)}\n`)
    const program = join(folder, 'node_modules', 'node-red', 'red.js')
    const origin = `http://127.0.0.1:${port}`
    const args = [program, '--settings', file]
    const server = await serve(process.execPath, args, { cwd: data, origin, ready: '/auth/login' })
    return { server, user, password, nobody: 'nobody@example.com', subject: user }
  },

  expected: { claims: { permissions: '*' }, expiresIn: 3600, refreshes: false, logout: 'ends the token', attempts: 5 },
}
