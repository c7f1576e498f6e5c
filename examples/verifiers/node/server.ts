/**
 * Who am I? A service that is told by a token of Postern, and verifies it by itself.
 *
 *   npm install
 *   POSTERN_ISSUER=https://app.example.com POSTERN_AUDIENCE=https://api.example.com PORT=5001 node server.ts
 *   curl -H "authorization: Bearer $TOKEN" http://127.0.0.1:5001/whoami
 *
 * POSTERN_TYP       at+jwt (default) for access tokens, postern-assertion+jwt behind a route with `credentials: assertion`
 * POSTERN_JWKS      the key set, where it is not below the issuer
 * POSTERN_JWKS_PAUSE  seconds between two questions for it, 30
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createVerifier, Refused, Unavailable } from './verifier.ts'

const { POSTERN_ISSUER = '', POSTERN_AUDIENCE = '', POSTERN_TYP = 'at+jwt', PORT = '5001' } = process.env
const { POSTERN_JWKS = `${POSTERN_ISSUER}/.well-known/jwks.json`, POSTERN_JWKS_PAUSE = '30' } = process.env
if (POSTERN_ISSUER === '' || POSTERN_AUDIENCE === '') throw new Error('POSTERN_ISSUER and POSTERN_AUDIENCE are needed')
if (POSTERN_TYP !== 'at+jwt' && POSTERN_TYP !== 'postern-assertion+jwt') throw new Error('POSTERN_TYP is not a kind')

const verifier = createVerifier({
  issuer: POSTERN_ISSUER,
  audience: POSTERN_AUDIENCE,
  typ: POSTERN_TYP,
  jwks: new URL(POSTERN_JWKS),
  pause: Number(POSTERN_JWKS_PAUSE),
})

const server = createServer((request, response) => void whoami(request, response))
server.listen(Number(PORT), '127.0.0.1')

async function whoami(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' || request.url !== '/whoami') return problem(response, 404, 'Not Found')
  const sent = request.headersDistinct['authorization'] ?? []
  if (sent.length === 0) return problem(response, 401, 'Unauthorized', { 'www-authenticate': 'Bearer realm="whoami"' })
  // Node keeps the first of two lines and says nothing.
  const token = sent.length === 1 ? /^bearer +(\S+)$/i.exec(sent[0] ?? '')?.[1] : undefined
  try {
    if (token === undefined) throw new Refused('not one Bearer token')
    const { upt: _sealed, ...claims } = await verifier.verify(token)
    answer(response, 200, 'application/json', { sub: claims.sub, claims })
  } catch (error) {
    if (error instanceof Unavailable) return problem(response, 503, 'Service Unavailable', { 'retry-after': '30' })
    if (!(error instanceof Refused)) console.error(error)
    problem(response, 401, 'Unauthorized', { 'www-authenticate': 'Bearer realm="whoami", error="invalid_token"' })
  }
}

function problem(response: ServerResponse, status: number, title: string, headers = {}): void {
  answer(response, status, 'application/problem+json', { type: 'about:blank', title, status }, headers)
}

function answer(response: ServerResponse, status: number, type: string, body: object, headers = {}): void {
  response
    .writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...headers })
    .end(JSON.stringify(body))
}
