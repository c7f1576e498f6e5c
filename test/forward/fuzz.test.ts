import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { bearerToken } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { startRecordingBackend, type RecordingBackend } from '../support/recording-backend.ts'
import { answersIn, converse, lines } from '../wire/conversation.ts'

/* What was decided on is what is forwarded, whatever is sent. */

let gateway: Gateway
let backend: RecordingBackend
let bearer = ''
before(async () => {
  backend = await startRecordingBackend()
  gateway = await startGateway({
    face: 'server',
    options: () => ({
      identity: { headers: { 'Remote-User': 'sub', 'X-Person': 'name' } },
      routes: [
        { path: '/public/', access: 'public', backend: backend.origin },
        {
          path: '/lenient/',
          access: 'public',
          backend: backend.origin,
          encodedSlash: 'forward',
          pathParams: 'forward',
        },
        { path: '/lenient/kept/', backend: backend.origin, encodedSlash: 'forward', pathParams: 'forward' },
        { path: '/', backend: backend.origin },
      ],
    }),
  })
  bearer = `Authorization: Bearer ${await bearerToken(gateway.origin)}`
})
beforeEach(() => backend.reset())
after(async () => {
  await gateway.close()
  await backend.close()
})

/** One request on a connection of its own. Returns the status; 0 where there was no answer. */
async function ask(bytes: string): Promise<number> {
  const client = await converse(gateway)
  client.say(bytes)
  const text = await client.ended
  client.close()
  return answersIn(text)[0]?.status ?? 0
}

/** Where a generous backend would end up: escapes decoded, parameters cut off, backslashes turned, dots resolved. */
function generously(target: string): string {
  const path = (target.split('?', 1)[0] ?? '').replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  const segments: string[] = []
  for (const segment of path.split(/[/\\]/).map((one) => one.replace(/;.*$/, ''))) {
    if (segment === '..') segments.pop()
    else if (segment !== '.' && segment !== '') segments.push(segment)
  }
  return `/${segments.join('/')}`
}

const words = ['public', 'lenient', 'kept', 'private', '_auth', 'login', 'a', 'PUBLIC']
const marks = [
  '/',
  '/',
  '/',
  '//',
  '.',
  '..',
  '...',
  '%2e',
  '%2E%2e',
  '%2f',
  '%2F',
  '%5c',
  '\\',
  ';',
  ';a=b',
  '%3b',
  '%00',
  '%0a',
  '%20',
  '%25',
  '%2570',
  '%70',
  '%6c',
]
const others = ['#', '?', '?b=/../', '&', '@', ':', '~', '*', '%', '%u0070', '\u00e9', '%c0%af']
const target = fc
  .tuple(
    fc.constantFrom('/public/', '/lenient/', '/lenient/kept/', '/', '/public', ''),
    fc.array(fc.constantFrom(...words, ...marks, ...others), { maxLength: 8 }),
  )
  .map(([prefix, pieces]) => `${prefix}${pieces.join('')}`)

const get = (path: string, ...head: readonly string[]) =>
  lines(`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...head)

describe('PX-07 PX-08 paths', () => {
  test('nobody without a credential reaches anything but what is public, however the path is spelled', async () => {
    await fc.assert(
      fc.asyncProperty(target, async (path) => {
        backend.reset()
        const status = await ask(get(path))
        assert.ok(status >= 200 && status < 500, `${path}: ${status}`)
        assert.deepEqual(backend.faults, [])
        for (const request of backend.requests) {
          const reached = generously(request.target)
          assert.match(reached, /^\/(public|lenient)(\/|$)/, `${path} was forwarded as ${request.target}`)
          assert.doesNotMatch(reached, /^\/lenient\/kept(\/|$)/, `${path} was forwarded as ${request.target}`)
        }
      }),
      { numRuns: 600 },
    )
  })

  test('what is forwarded is matched again as itself: deciding twice decides the same', async () => {
    await fc.assert(
      fc.asyncProperty(target, async (path) => {
        backend.reset()
        await ask(get(path, bearer))
        const [request] = backend.requests
        if (request === undefined) return
        await ask(get(request.target, bearer))
        assert.equal(backend.requests[1]?.target, request.target)
      }),
      { numRuns: 150 },
    )
  })
})

describe('PX-01 PX-02 headers', () => {
  const identity = [
    'x-forwarded-user',
    'x-forwarded-email',
    'x-forwarded-groups',
    'remote-user',
    'x-person',
    'x-forwarded-for',
    'forwarded',
    'x-real-ip',
    'x-postern-sub',
    'x-auth-request-user',
  ]
  const choice = fc.tuple(fc.constantFrom('-', '_', '.', '--', ''), fc.boolean())
  const spelled = fc
    .tuple(fc.constantFrom(...identity), fc.array(choice, { minLength: 4, maxLength: 4 }))
    .map(([name, choices]) =>
      name
        .split('-')
        .map((word, index) => {
          const [separator = '', upper = false] = choices[index] ?? []
          return `${index === 0 ? '' : separator}${upper ? word.toUpperCase() : word}`
        })
        .join(''),
    )
  const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/)
  const reserved = /^(host|connection|content-length|transfer-encoding|expect|upgrade|authorization|cookie)$/i
  const name = fc.oneof(spelled, spelled, token).filter((one) => !reserved.test(one))
  const listed = fc.array(fc.oneof(spelled, fc.constantFrom('close', 'keep-alive', 'authorization', 'cookie', '')), {
    maxLength: 4,
  })

  test('who a request is from is what we say, and nothing else that folds to such a name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(name, { maxLength: 6 }), listed, fc.boolean(), async (names, named, signedIn) => {
        backend.reset()
        const head = [
          `Connection: ${named.join(', ')}`,
          ...(signedIn ? [bearer] : []),
          ...names.map((one) => `${one}: canary`),
        ]
        const status = await ask(get(signedIn ? '/private' : '/public/a', ...head))
        assert.equal(status, 200)
        const [request] = backend.requests
        assert.ok(request !== undefined)
        const seen = new Map<string, string[]>()
        for (const [one, value] of request.headers) {
          const folded = one.toLowerCase().replaceAll(/[_.]/g, '-')
          seen.set(folded, [...(seen.get(folded) ?? []), value])
        }
        for (const one of identity)
          assert.ok(!(seen.get(one) ?? []).includes('canary'), `${one} of ${JSON.stringify(names)}`)
        assert.deepEqual(seen.get('x-forwarded-user'), signedIn ? ['accounts|1'] : undefined)
        assert.deepEqual(seen.get('x-person'), signedIn ? ['John Doe'] : undefined)
        assert.deepEqual(seen.get('x-forwarded-for'), ['127.0.0.1'])
        assert.deepEqual(seen.get('authorization'), undefined)
      }),
      { numRuns: 300 },
    )
  })
})

describe('PX-09 bytes', () => {
  const parts = [
    'GET ',
    'POST ',
    '/public/a',
    '/private',
    ' HTTP/1.1',
    '\r\n',
    '\r\n',
    '\r\n\r\n',
    '\n',
    '\r',
    'Host: localhost',
    ' ',
    '\t',
    ':',
    '\u0000',
  ]
  const fields = [
    'Content-Length: 5',
    'Content-Length: 0',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: identity',
    'Connection: close',
    'X-Forwarded-User: canary',
  ]
  const bodies = ['hello', '5\r\nhello\r\n', '0\r\n\r\n']

  test('whatever stands on the wire, the backend gets whole requests for what is public, and no other', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...parts, ...fields, ...bodies), { maxLength: 14 }),
        async (fragments) => {
          backend.reset()
          const client = await converse(gateway)
          client.say(`POST /public/a HTTP/1.1\r\nHost: localhost\r\n${fragments.join('')}`)
          client.socket.end()
          await client.ended
          client.close()
          assert.deepEqual(backend.faults, [])
          for (const { target: path, head } of backend.requests) {
            assert.match(path, /^\/public\/a/)
            // With something in front of it, it is the name of another header.
            assert.doesNotMatch(head, /^x-forwarded-user:/im)
          }
        },
      ),
      { numRuns: 400 },
    )
  })
})
