import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createTokens, isJohn, john, wrongly, type Shape } from './shape.ts'

/** HTTP/1.0 without a length: the answer ends where the connection does. Header names come in capitals. */
export const shape: Shape = {
  right: john,
  wrong: wrongly,
  subject: john.username,
  claims: {},
  expiresIn: undefined,

  async start() {
    const tokens = createTokens()
    const server = createServer((socket) => {
      let received = ''
      socket.on('error', () => undefined)
      socket.on('data', (chunk) => {
        received += chunk.toString()
        const [head = '', body = ''] = received.split('\r\n\r\n')
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
        if (!received.includes('\r\n\r\n') || body.length < length) return
        const { status, text } = answer(head, body)
        socket.end(`HTTP/1.0 ${status} X\r\nCONTENT-TYPE: application/json\r\nCONNECTION: close\r\n\r\n${text}`)
      })
    })

    function answer(head: string, body: string): { readonly status: number; readonly text: string } {
      const token = /authorization: JWT (.+)/i.exec(head)?.[1]
      if (head.startsWith('GET /cgi-bin/status')) return { status: tokens.has(token) ? 200 : 401, text: '{}' }
      if (head.startsWith('GET /cgi-bin/logout')) return { status: tokens.end(token) ? 200 : 401, text: '{}' }
      const form = new URLSearchParams(body)
      if (!isJohn(form.get('user'), form.get('pass'))) return { status: 403, text: '{}' }
      return { status: 200, text: `\n{ "stok" : "${tokens.issue()}" }\n` }
    }

    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return {
      origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      calls: [],
      close: () => new Promise((resolve) => server.close(() => resolve())),
    }
  },
}
