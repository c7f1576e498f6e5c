import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { describe, test } from 'node:test'
import { createVerifier as createSecondVerifier, type Algorithm } from 'fast-jwt'
import { toSeconds } from '../../src/base/clock.ts'
import { generateSigningKey } from '../../src/keys/generate.ts'
import type { SigningKey } from '../../src/keys/key.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import { refusedAsBearer } from '../../src/life/key-binding.ts'
import { tokenKinds, type TokenKind } from '../../src/token/claims.ts'
import { createMinter } from '../../src/token/mint.ts'
import { createVerifier } from '../../src/token/verify.ts'
import { minutes } from '../support/clock.ts'
import { freshKeys, keyFrom } from '../support/keys.ts'
import { headerOf, payloadOf, signed } from './forge.ts'
import { hostileTokens, type Workshop } from './hostile-tokens.ts'
import {
  signatureFiles,
  signatureGroups,
  tokenOf,
  vectorClock as clock,
  vectorNames as names,
  verifyingKey,
} from './vectors.ts'

/*
 * The attack: a fault that one library has, and that no test finds because the same library makes the tokens. So a second
 * implementation, by other people and with other parts, says what it thinks of the same tokens.
 */

const required = ['iss', 'sub', 'aud', 'exp', 'iat', 'nbf', 'jti', 'sid', 'auth_time', 'client_id', 'upn', 'v']

type Verdict = 'accepted' | 'refused'

/** Told as strictly as it can be. */
function second(key: SigningKey, kind: TokenKind): (token: string) => Verdict {
  const verify = createSecondVerifier({
    key: createPublicKey({ key: { ...key.publicJwk }, format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
    algorithms: [key.alg satisfies Algorithm],
    allowedIss: names.issuer,
    allowedAud: names.audience[kind],
    requiredClaims: required,
    checkTyp: tokenKinds[kind].typ,
    clockTimestamp: clock(),
    maxAge: 86_400_000,
    cache: false,
  })
  return (token) => {
    try {
      verify(token)
      return 'accepted'
    } catch {
      return 'refused'
    }
  }
}

async function first(key: SigningKey, kind: TokenKind): Promise<(token: string) => Promise<Verdict>> {
  const sealing = (await freshKeys(clock()))[1] ?? assert.fail()
  const verifier = createVerifier(kind, createKeyRing([key, sealing], minutes(31), clock), names, clock)
  return async (token) => {
    const verification = await verifier.verify(token)
    // As at every door: whoever shows a token to the verifier only carries it.
    return verification.state === 'valid' && refusedAsBearer(verification.claims) === undefined ? 'accepted' : 'refused'
  }
}

for (const file of signatureFiles) {
  test(`TV-01 ${file}: both say the same of every signature`, async () => {
    for (const group of signatureGroups(file)) {
      const key = await verifyingKey(group)
      const [ours, theirs] = [await first(key, 'access'), second(key, 'access')]
      for (const vector of group.vectors) {
        const token = tokenOf(group, vector)
        assert.deepEqual(
          [await ours(token), theirs(token)],
          Array(2).fill(vector.good ? 'accepted' : 'refused'),
          vector.comment,
        )
      }
    }
  })
}

/** Where they are lenient and we are not. Each has its reason, and each difference is of exactly one of these. */
const lenient: readonly { readonly names: RegExp; readonly why: string }[] = [
  {
    names: /^TV-0[345] (?!a cert)/,
    why: 'They are given one key. Which key a `kid` names is for whoever calls them; we look it up, and find it or refuse.',
  },
  {
    names: /^(?:DS-02 a compressed|TV-03 a cert|TV-12 a (?:header|member)|TV-13 (?:alg|kid) twice)/,
    why: 'A member of the header that they do not know is to be ignored (RFC 7515 section 4), and of two the last counts. Ours are byte for byte what we write.',
  },
  {
    names: /^TV-11 typ (?:in capitals|with its media type)/,
    why: 'As a media type, `typ` has no case, and `application/` may stand before it (RFC 7515 section 4.1.9). We only ever write one spelling.',
  },
  {
    names: /^TV-(?:07 aud|10 our audience) in a list/,
    why: 'An audience may be a list that has us in it (RFC 7519 section 4.1.3). Ours has one receiver.',
  },
  {
    names: /^TV-07 (?:(?:v|sub|client_id|jti|sid|auth_time|upn) (?:as|in)|an empty subject|a profile claim)/,
    why: 'They ask that a claim is there, and look at the type of those only whose values they are told.',
  },
  {
    names: /^TV-0(?:7 exp of 1e300|7 exp with a fraction|8 a life of a year)/,
    why: 'A NumericDate may be any number (RFC 7519 section 2), and nothing bounds a life. We make whole seconds and short lives.',
  },
  {
    names: /^(?:bound to a key|TV-07 a confirmation)/,
    why: 'They pass over `cnf`: whether the key was proved is for whoever calls them (RFC 7800 section 3). We refuse what is not.',
  },
  { names: /^TV-08 iat that is 61 s ahead/, why: 'RFC 7519 section 4.1.6 has no rule for an `iat` to come.' },
  {
    names: /^TV-08 a token that has ended/,
    why: 'They take a token at the very second of its `exp`, where RFC 7519 section 4.1.4 already says no.',
  },
]

describe('of every hostile token', async () => {
  const seconds = toSeconds(clock())
  const signing = async (alg: 'ES256' | 'ES384') => {
    const key = await keyFrom(await generateSigningKey(alg, { activatesAt: 0 }))
    assert.ok(key.kind === 'signing')
    return key
  }
  const key = await signing('ES256')
  const sealing = (await freshKeys(clock()))[1] ?? assert.fail()
  const minter = createMinter(createKeyRing([key, sealing], minutes(31), clock), names)
  const foreign = { ...(await signing('ES256')), kid: key.kid }
  const foreign384 = await signing('ES384')

  for (const kind of ['access', 'session'] as const) {
    const values = {
      sub: 'accounts|1',
      sid: 's',
      iat: seconds,
      exp: seconds + 300,
      auth_time: seconds,
      upn: 'accounts',
    }
    const idle = kind === 'session' ? { idle_at: seconds + 1800 } : {}
    const { token: good } = await minter.mint(kind, { ...values, ...idle }, { name: 'Ada' })
    const shop: Workshop = {
      kind,
      good,
      header: headerOf(good),
      payload: payloadOf(good),
      key,
      foreign,
      foreign384,
      listener: 'http://127.0.0.1:9',
      now: seconds,
    }
    const [ours, theirs] = [await first(key, kind), second(key, kind)]

    test(`TV-01 TV-13 both accept a good ${kind} token, and where one of them is lenient it is not us: the list says where and why`, async () => {
      assert.deepEqual([await ours(good), theirs(good)], ['accepted', 'accepted'])
      const differ: string[] = []
      for (const { name, make } of hostileTokens) {
        const token = await make(shop)
        assert.equal(await ours(token), 'refused', name)
        if (theirs(token) === 'accepted') differ.push(name)
      }
      for (const name of differ)
        assert.equal(lenient.filter(({ names: pattern }) => pattern.test(name)).length, 1, name)
      for (const { names: pattern, why } of lenient)
        assert.ok(
          differ.some((name) => pattern.test(name)),
          why,
        )
    })

    test(`TV-13 both take the last of two claims of one name in a ${kind} token`, async () => {
      const twice = (more: string) =>
        signed(key, JSON.stringify(shop.header), `${JSON.stringify(shop.payload).slice(0, -1)},${more}}`)
      for (const [more, verdict] of [
        ['"sub":"accounts|2"', 'accepted'],
        ['"exp":1', 'refused'],
        ['"iss":"https://evil.example"', 'refused'],
      ] as const) {
        const token = await twice(more)
        assert.deepEqual([await ours(token), theirs(token)], [verdict, verdict], more)
      }
    })
  }
})
