import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import { toSeconds } from '../../src/base/clock.ts'
import { registeredNames } from '../../src/base/claim-names.ts'
import { Secret } from '../../src/base/secret.ts'
import { parseOptions } from '../../src/config/load.ts'
import { createGate } from '../../src/gate.ts'
import type { SignatureAlgorithm } from '../../src/keys/algorithms.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import type { Authentication } from '../../src/life/authentication.ts'
import type { ClaimValue, TokenKind } from '../../src/token/claims.ts'
import { createMinter } from '../../src/token/mint.ts'
import { createSealer, type SealedContent } from '../../src/token/seal.ts'
import { createVerifier } from '../../src/token/verify.ts'
import { fakeClock, minutes } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'

const publicUrl = 'https://app.example.com'
const names = {
  issuer: publicUrl,
  audience: { session: `${publicUrl}/_auth`, access: 'https://api.example.com' },
}
const clock = fakeClock()
const now = toSeconds(clock())
const kinds: readonly TokenKind[] = ['session', 'access']

/** Everything between a request and who it comes from, the memory of verified tokens included. */
async function gateWith(alg: SignatureAlgorithm) {
  const keys = await freshKeys(clock(), alg)
  const options = {
    publicUrl,
    api: { audience: 'https://api.example.com' },
    upstreams: {
      accounts: {
        kind: 'login' as const,
        origin: 'https://accounts.example.com',
        login: {
          request: { path: '/login', json: { name: '{username}', password: '{password}' } },
          token: { json: '/token' },
          subject: { json: '/id' },
        },
      },
    },
  }
  const one = () => ''
  const cookies = {
    session: one,
    sealed: one,
    out: one,
    device: one,
    clear: () => [],
    clearSealed: one,
    clearDevice: one,
  }
  const gate = createGate(parseOptions(options), { keys, cookies, clock })
  const minter = createMinter(createKeyRing(keys, minutes(31), clock), names)
  const mint = async (kind: TokenKind, sub: string, sid: string) => {
    const values = { sub, sid, iat: now, exp: now + 300, auth_time: now, upn: 'accounts' }
    const idle = kind === 'session' ? { idle_at: now + 1800 } : {}
    return (await minter.mint(kind, { ...values, ...idle }, { roles: ['admin'] })).token
  }
  const ask = (kind: TokenKind, token: string) => {
    const headers = kind === 'session' ? { cookie: `__Host-postern=${token}` } : { authorization: `Bearer ${token}` }
    return gate.authenticate({ method: 'GET', headers, rawHeaders: [] })
  }
  return { gate, mint, ask }
}

/** Undefined: nobody. */
const claimsOf = (found: Authentication) => (found.state === 'valid' ? found.session.claims : undefined)

const character = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code))
const mutation = fc.oneof(
  fc.record({ at: fc.nat(), put: character, take: fc.constant(1) }),
  fc.record({ at: fc.nat(), put: fc.oneof(character, fc.constantFrom('.', '=', 'AA')), take: fc.constant(0) }),
  fc.record({ at: fc.nat(), put: fc.constant(''), take: fc.integer({ min: 1, max: 40 }) }),
)

function mutated(token: string, { at, put, take }: { at: number; put: string; take: number }): string {
  const start = at % token.length
  return token.slice(0, start) + put + token.slice(start + take)
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The other spellings of the same bytes: bits of the last character that stand for nothing. */
function respelled(segment: string): readonly string[] {
  const bytes = Buffer.from(segment, 'base64url')
  return alphabet
    .split('')
    .map((letter) => segment.slice(0, -1) + letter)
    .filter((other) => other !== segment && Buffer.from(other, 'base64url').equals(bytes))
}

for (const alg of ['ES256', 'EdDSA', 'ES384', 'PS256', 'RS256'] as const) {
  describe(`with ${alg}`, async () => {
    const { gate, mint, ask } = await gateWith(alg)
    after(() => gate.close())

    for (const kind of kinds) {
      test(`TV-20 no change of any character of a known ${kind} token makes it say something else`, async () => {
        const good = await mint(kind, 'accounts|1', 'sid-1')
        const known = claimsOf(await ask(kind, good))
        assert.equal(known?.sub, 'accounts|1')
        assert.ok(!(ask(kind, good) instanceof Promise), 'it is remembered')
        await fc.assert(
          fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (changes) => {
            const token = changes.reduce(mutated, good)
            if (token === good || token.includes(';')) return
            const found = ask(kind, token)
            // Another string is another token: what is known of the first is nothing to it.
            assert.ok(found instanceof Promise || found.state !== 'valid')
            const claims = claimsOf(await found)
            if (claims !== undefined) assert.deepEqual(claims, known)
          }),
          { numRuns: 400 },
        )
        assert.equal(claimsOf(await ask(kind, good)), known)
      })

      test(`TV-20 another spelling of a ${kind} token is verified anew, opens no more, and ends with it`, async () => {
        const good = await mint(kind, 'accounts|1', 'sid-2')
        const known = claimsOf(await ask(kind, good))
        const [header = '', payload = '', signature = ''] = good.split('.')
        const others = [
          ...respelled(header).map((one) => `${one}.${payload}.${signature}`),
          ...respelled(payload).map((one) => `${header}.${one}.${signature}`),
          ...respelled(signature).map((one) => `${header}.${payload}.${one}`),
        ]
        const opening: string[] = []
        for (const other of others) {
          const found = ask(kind, other)
          assert.ok(found instanceof Promise, 'not taken for the other')
          const claims = claimsOf(await found)
          if (claims === undefined) continue
          opening.push(other)
          assert.deepEqual(claims, known)
          assert.equal(other.slice(0, other.lastIndexOf('.')), `${header}.${payload}`)
        }
        gate.revoke({ sessions: new Map([['sid-2', clock()]]), subjects: new Map(), notBefore: undefined })
        for (const one of [good, ...opening]) assert.equal(claimsOf(await ask(kind, one)), undefined)
      })

      test(`TV-15 no ${kind} token is put together from parts of two`, async () => {
        const [a, b] = [await mint(kind, 'accounts|1', 'sid-a'), await mint(kind, 'accounts|2', 'sid-b')]
        for (const token of [a, b]) assert.ok(claimsOf(await ask(kind, token)) !== undefined)
        const parts = [a.split('.'), b.split('.')] as const
        const pick = fc
          .tuple(fc.nat(1), fc.nat(1), fc.nat(1))
          .map((from) => from.map((one, at) => parts[one === 0 ? 0 : 1][at]).join('.'))
        const cut = fc.tuple(fc.nat(a.length), fc.nat(b.length)).map(([one, two]) => a.slice(0, one) + b.slice(two))
        await fc.assert(
          fc.asyncProperty(fc.oneof(pick, cut), async (token) => {
            const claims = claimsOf(await ask(kind, token))
            if (claims === undefined) return
            const whole = claims.sub === 'accounts|1' ? a : b
            assert.equal(token.slice(0, token.lastIndexOf('.')), whole.slice(0, whole.lastIndexOf('.')))
          }),
          { numRuns: 200 },
        )
      })
    }
  })
}

const claimValue: fc.Arbitrary<ClaimValue> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
  fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean()), { maxLength: 5 }),
)
const claimName = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1 }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'sub',
    'exp',
    'cnf',
    'upt',
    'idle_at',
    'name',
    'roles',
    '0',
    '',
  ),
)

test('TM-06 whatever is mapped comes back as it was, and none of it stands in for a claim of ours', async () => {
  const ring = createKeyRing(await freshKeys(clock()), minutes(31), clock)
  const minter = createMinter(ring, names)
  const verifier = createVerifier('access', ring, names, clock)
  const values = { sub: 'accounts|1', sid: 'sid-1', iat: now, exp: now + 300, auth_time: now, upn: 'accounts' }
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(claimName, claimValue), { selector: ([name]) => name, maxLength: 8 }),
      async (entries) => {
        const { token, claims } = await minter.mint('access', values, Object.fromEntries(entries))
        const found = await verifier.verify(token)
        // What is too long is refused, and never cut.
        if (token.length > 8192) return assert.equal(found.state, 'refused')
        assert.ok(found.state === 'valid', JSON.stringify(found))
        const { profile, ...registered } = found.claims
        const { profile: _, ...minted } = claims
        assert.deepEqual(registered, minted)
        const expected = entries.filter(([name]) => !registeredNames.has(name))
        assert.deepEqual(Object.entries(profile).toSorted(byName), expected.toSorted(byName))
        assert.ok([Object.prototype, null].includes(Object.getPrototypeOf(profile) as object | null))
      },
    ),
    { numRuns: 300 },
  )
})

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : a > b ? 1 : 0)

describe('what is sealed', async () => {
  const sealer = createSealer(createKeyRing(await freshKeys(clock()), minutes(31), clock), clock)
  const segment = fc
    .array(fc.constantFrom(...alphabet.split('')), { minLength: 1, maxLength: 60 })
    .map((letters) => letters.join(''))
  const jwtShaped = fc.array(segment, { minLength: 3, maxLength: 5 }).map((parts) => parts.join('.'))
  const realJwt = fc
    .tuple(fc.json(), fc.json(), fc.uint8Array({ maxLength: 300 }))
    .map((parts) => parts.map((part) => Buffer.from(part).toString('base64url')).join('.'))
  const anyToken = fc.oneof(jwtShaped, realJwt, fc.string({ unit: 'binary', minLength: 1 }), segment)
  const values = fc.dictionary(
    fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor')),
    fc.string({ unit: 'binary' }),
    {
      noNullPrototype: true,
    },
  )
  const anyContent = fc
    .record({
      token: anyToken,
      refresh: fc.option(anyToken, { nil: undefined }),
      expiresAt: fc.option(fc.nat(), { nil: undefined }),
      values,
      checkedAt: fc.nat(),
    })
    .map(({ token, refresh, ...rest }): SealedContent => ({
      ...rest,
      token: new Secret(token),
      refreshToken: refresh === undefined ? undefined : new Secret(refresh),
    }))
  const shown = (content: SealedContent | undefined) =>
    content === undefined
      ? undefined
      : {
          ...content,
          token: content.token.reveal(),
          refreshToken: content.refreshToken?.reveal(),
          values: Object.entries(content.values),
        }

  test('TM-04 comes back byte for byte: tokens of JWT shape, in any spelling, and of any other', async () => {
    await fc.assert(
      fc.asyncProperty(anyContent, fc.string({ minLength: 1 }), async (content, sid) => {
        assert.deepEqual(shown(await sealer.open(await sealer.seal(content, sid), sid)), shown(content))
      }),
      { numRuns: 400 },
    )
  })

  test('TV-15 opens for its own session and for no other', async () => {
    await fc.assert(
      fc.asyncProperty(anyContent, fc.string(), fc.string(), async (content, sid, other) => {
        if (sid !== other) assert.equal(await sealer.open(await sealer.seal(content, sid), other), undefined)
      }),
      { numRuns: 100 },
    )
  })

  test('TV-15 is not put together from parts of two, nor changed, nor cut', async () => {
    const plain = (token: string): SealedContent => ({
      token: new Secret(token),
      refreshToken: undefined,
      expiresAt: undefined,
      values: {},
      checkedAt: 0,
    })
    const [a, b] = [await sealer.seal(plain('token of a'), 'sid-1'), await sealer.seal(plain('token of b'), 'sid-1')]
    const parts = [a.split('.'), b.split('.')] as const
    const pick = fc
      .array(fc.nat(1), { minLength: 5, maxLength: 5 })
      .map((from) => from.map((one, at) => parts[one === 0 ? 0 : 1][at]).join('.'))
    const changed = fc.array(mutation, { minLength: 1, maxLength: 3 }).map((changes) => changes.reduce(mutated, a))
    const cut = fc.tuple(fc.nat(a.length), fc.nat(b.length)).map(([one, two]) => a.slice(0, one) + b.slice(two))
    await fc.assert(
      fc.asyncProperty(fc.oneof(pick, changed, cut), async (sealed) => {
        const token = (await sealer.open(sealed, 'sid-1'))?.token.reveal()
        if (token === undefined) return
        // Unused bits of a last character aside, it is one of the two.
        const bytes = (text: string) => text.split('.').map((part) => Buffer.from(part, 'base64url').toString('hex'))
        assert.deepEqual(bytes(sealed), bytes(token === 'token of a' ? a : b))
      }),
      { numRuns: 500 },
    )
  })
})
