/** What stands behind the gateway: the same short answer to everything. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from './process.ts'

const body = '{"hello":"world"}'
const server = createServer((request, response) => {
  request.resume()
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo

serve({ origin: (): string => `http://127.0.0.1:${port}` })
