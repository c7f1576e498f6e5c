/** A sample for the compose file: a login API, and an application that shows who it is told is asking. */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'

const passwords = { john: 'password123', ada: 'password123' }
const ids = Object.keys(passwords)
const signedIn = new Map()

async function readJson(request) {
  let text = ''
  for await (const chunk of request) text += chunk
  return JSON.parse(text)
}

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const server = createServer(async (request, response) => {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  try {
    switch (`${request.method} ${request.url}`) {
      case 'POST /api/login': {
        const { User: name, Password: password } = await readJson(request)
        if (!Object.hasOwn(passwords, name) || passwords[name] !== password) return send(response, 401, {})
        const made = randomBytes(16).toString('hex')
        signedIn.set(made, name)
        return send(response, 200, { user: { id: ids.indexOf(name) + 1, name, authentication_token: made } })
      }
      case 'GET /api/me':
        return send(response, signedIn.has(token) ? 200 : 401, {})
      case 'POST /api/logout':
        return send(response, signedIn.delete(token) ? 200 : 401, {})
      default:
        return send(response, 200, { path: request.url, user: request.headers['x-forwarded-user'] ?? null })
    }
  } catch {
    send(response, 400, {})
  }
})

server.listen(Number(process.env.PORT ?? 3000))
process.on('SIGTERM', () => server.close(() => process.exit(0)))
