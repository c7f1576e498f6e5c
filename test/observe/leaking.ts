import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { BrowserClient } from '../support/browser-client.ts'
import { startGateway } from '../support/gateway.ts'
import { secret } from '../support/canaries.ts'
import { hearProcess } from '../support/sweep.ts'

/* A test file that fails: its app says a secret, in the way that is asked for. It is no test by itself; see `sweep.test.ts`. */

const way = process.env['LEAK'] ?? ''

test('leaks', async () => {
  const gateway = await startGateway({
    face: way === 'metrics' ? 'server' : 'plugin',
    routes: (app) => {
      app.get('/leak', async (request, reply) => {
        const [secret = ''] = gateway.service.issued
        if (way === 'socket') {
          reply.hijack()
          request.raw.socket.end(`HTTP/1.1 400 Bad Request\r\nx-debug: ${secret}\r\n\r\n`)
          return {}
        }
        if (way === 'close of a socket') {
          reply.hijack()
          request.raw.socket.write('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n')
          request.raw.socket.end(Buffer.from(`\u0088${secret}`, 'latin1'))
          return {}
        }
        const bytes = Buffer.from(secret)
        if (way === 'log') request.log.info(`a token: ${secret}`)
        if (way === 'base64') request.log.info({ some: Buffer.from(`x=${secret};`).toString('base64') }, 'said')
        if (way === 'hex') request.log.trace(bytes.toString('hex'))
        if (way === 'cookie') request.log.info(`${request.headers.cookie}`.slice(-80))
        if (way === 'password') request.log.info('password123')
        if (way === 'process') {
          const child = spawn('sh', ['-c', `echo ${secret} >&2`])
          hearProcess(child)
          await once(child, 'close')
        }
        if (way === 'header') void reply.header('x-debug', secret)
        return way === 'body' ? { debug: encodeURIComponent(secret) } : {}
      })
    },
  })
  // It stands in a label.
  if (way === 'metrics') secret(gateway.keys[0]?.kid ?? '', 'a name')
  const client = new BrowserClient(gateway.origin)
  await client.signIn()
  await client.send('/leak')
  await gateway.close()
})
