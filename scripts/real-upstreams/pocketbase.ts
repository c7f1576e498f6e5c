import { join } from 'node:path'
import { installFromGo } from './install.ts'
import { freePort } from '../../test/support/free-port.ts'
import { run, serve } from './process.ts'
import { password, send, type Program } from './program.ts'

const admin = { identity: 'root@example.com', password: 'only-for-the-set-up' }
const version = '0.36.8'

export const pocketbase: Program = {
  name: 'pocketbase',
  title: 'PocketBase',
  language: 'Go',
  version,
  // The program itself; its module calls it an example of its use as a library.
  install: (folder) => installFromGo(folder, 'github.com/pocketbase/pocketbase/examples/base', version),

  async start(folder, data) {
    const program = join(folder, 'base')
    await run(program, ['superuser', 'create', admin.identity, admin.password, '--dir', data], {
      cwd: data,
      timeout: 30_000,
    })
    const address = `127.0.0.1:${await freePort()}`
    const origin = `http://${address}`
    const server = await serve(program, ['serve', '--http', address, '--dir', data], {
      cwd: data,
      origin,
      ready: '/api/health',
    })
    const { token } = await send(`${origin}/api/collections/_superusers/auth-with-password`, { json: admin })
    const user = 'ada+test@example.com'
    const { id } = await send(`${origin}/api/collections/users/records`, {
      headers: { authorization: String(token) },
      json: { email: user, password, passwordConfirm: password, name: 'Ada Lovelace', verified: true },
    })
    return { server, user, password, nobody: 'nobody@example.com', subject: String(id) }
  },

  expected: {
    claims: { email: 'ada+test@example.com', name: 'Ada Lovelace' },
    expiresIn: 7 * 24 * 3600,
    refreshes: true,
    logout: 'none',
  },
}
