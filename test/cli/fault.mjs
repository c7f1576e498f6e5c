/*
 * Loaded into a process of Postern (`--import`): when a file named `fault` turns up in its folder, what that asks for
 * goes wrong, outside of every request and in nobody's hands. The file says the kind, and the secret that hangs on it.
 */
import { readFileSync } from 'node:fs'

const laden = (secret) =>
  Object.assign(new TypeError(`failed for ${secret}`, { cause: new Error(secret) }), {
    code: 'E_FAULT',
    headers: { authorization: `Bearer ${secret}` },
    request: { rawHeaders: ['Authorization', secret] },
    [secret]: secret,
  })

const kinds = {
  error: (secret) => {
    throw laden(secret)
  },
  rejection: (secret) => void Promise.reject(laden(secret)),
  text: (secret) => {
    throw secret
  },
  'rejected text': (secret) => void Promise.reject(secret),
  object: (secret) => {
    throw { message: secret, secret }
  },
  'rejected object': (secret) => void Promise.reject({ message: secret, secret }),
  nothing: () => {
    throw undefined
  },
  'rejected nothing': () => void Promise.reject(),
  named: (secret) => {
    throw Object.assign(laden(secret), { name: secret, code: secret, stack: `${secret}\n    at ${secret}` })
  },
  'several at once': (secret) => {
    throw new AggregateError([laden(secret)], secret)
  },
  'one that bites': (secret) => {
    throw Object.defineProperty(laden(secret), 'name', {
      get() {
        throw laden(secret)
      },
    })
  },
  'one after the other': (secret) => {
    for (let count = 0; count < 3; count += 1) void Promise.reject(laden(secret))
  },
}

function look() {
  let text
  try {
    text = readFileSync('fault', 'utf8')
  } catch {
    return
  }
  clearInterval(timer)
  const [kind, secret] = text.split('\n')
  kinds[kind](secret)
}

const timer = setInterval(look, 20)
timer.unref()
// Also before anything else has begun.
look()
