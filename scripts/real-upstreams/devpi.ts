import { join } from 'node:path'
import { installFromPypi } from './install.ts'
import { freePort } from '../../test/support/free-port.ts'
import { run, serve } from './process.ts'
import { password, send, type Program } from './program.ts'

const root = { user: 'root', password: 'only-for-the-set-up' }
const version = '6.20.3'

export const devpi: Program = {
  name: 'devpi',
  title: 'devpi-server',
  language: 'Python',
  version,
  install: (folder) => installFromPypi(folder, 'devpi-server', version),

  async start(folder, data) {
    const where = ['--serverdir', data]
    const set = ['--no-root-pypi', '--root-passwd', root.password]
    await run(join(folder, 'bin', 'devpi-init'), [...where, ...set], { cwd: data, timeout: 60_000 })
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const args = [...where, '--host', '127.0.0.1', '--port', String(port)]
    const server = await serve(join(folder, 'bin', 'devpi-server'), args, { cwd: data, origin, ready: '/+api' })
    const { result } = await send(`${origin}/+login`, { json: root })
    const { password: token } = result as { readonly password: string }
    await send(`${origin}/ada`, {
      method: 'PUT',
      headers: { 'x-devpi-auth': Buffer.from(`${root.user}:${token}`).toString('base64') },
      json: { password, email: 'ada@example.com' },
    })
    return { server, user: 'ada', password, nobody: 'nobody', subject: 'ada' }
  },

  expected: { claims: { groups: [] }, expiresIn: 10 * 3600, refreshes: false, logout: 'none' },
}
