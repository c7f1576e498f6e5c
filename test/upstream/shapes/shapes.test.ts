import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { LoginUpstream } from '../../../src/upstream/upstream.ts'
import { only, signedIn, traced, typed } from '../support/upstream.ts'
import { allShapes } from './all.ts'
import type { Shape } from './shape.ts'

/*
 * Login APIs of every shape, each a small real server. What makes Postern sign in there is a YAML file and nothing else:
 * the same file that docs/upstreams.md shows.
 */

async function wholeSignIn(upstream: LoginUpstream, { right, step }: Shape, code = step?.right) {
  const first = await upstream.signIn(typed(right))
  if (code === undefined) return first
  const { values, fields } = only(first, 'second_step')
  assert.deepEqual(fields, upstream.stepFields)
  return upstream.continueSignIn(values, typed(code))
}

for (const { name, shape, key, options } of await allShapes()) {
  await describe(name, async () => {
    const service = await shape.start()
    const { upstream, trace } = traced({ ...options, origin: service.origin }, undefined, key)
    after(async () => {
      await upstream.close()
      await service.close()
    })

    await test('signs a person in', async () => {
      const outcome = await signedIn(wholeSignIn(upstream, shape))
      assert.equal(outcome.subject, shape.subject)
      assert.deepEqual({ ...outcome.claims }, shape.claims)
      const { expiresAt } = outcome.grant
      const expiresIn = expiresAt === undefined ? undefined : Math.round((expiresAt - Date.now()) / 10_000) * 10
      assert.equal(expiresIn, shape.expiresIn)
    })

    await test('tells a wrong password from everything else', async () => {
      const outcome = only(await upstream.signIn(typed(shape.wrong)), 'refused')
      assert.equal(outcome.as, 'bad_credentials')
    })

    if (shape.step !== undefined) {
      const { wrong } = shape.step
      await test('LG-10 is no sign-in before its second step, nor with a wrong code', async () => {
        const outcome = await upstream.signIn(typed(shape.right))
        assert.ok(!JSON.stringify(only(outcome, 'second_step').values).includes('password'))
        assert.equal(only(await wholeSignIn(upstream, shape, wrong), 'refused').as, 'bad_credentials')
      })
    }

    await test('is asked whether the token is good, and ends it', async () => {
      assert.ok(upstream.canCheck && upstream.canEnd)
      const { grant, subject } = await signedIn(wholeSignIn(upstream, shape))
      const good = only(await upstream.check(grant, subject), 'good')
      assert.ok(good.subject === undefined || good.subject === subject)
      only(await upstream.end(grant, subject), 'ended')
      only(await upstream.check(grant, subject), shape.outlivesLogout === true ? 'good' : 'refused')
      // That it had ended already is no failure of a sign-out.
      only(await upstream.end(grant, subject), 'ended')
    })

    if (options.refresh !== undefined) {
      await test('trades its refresh token once', async () => {
        const { grant, subject } = await signedIn(wholeSignIn(upstream, shape))
        const outcomes = await Promise.all([1, 2, 3].map(() => upstream.refresh(grant, subject)))
        assert.deepEqual(outcomes.map(({ kind }) => kind).toSorted(), ['refreshed', 'refused', 'refused'])
        const fresh = outcomes.flatMap((outcome) => (outcome.kind === 'refreshed' ? [outcome.grant] : []))[0]
        assert.ok(fresh?.refreshToken !== undefined)
        assert.notEqual(fresh.token.reveal(), grant.token.reveal())
        assert.notEqual(fresh.refreshToken.reveal(), grant.refreshToken?.reveal())
        only(await upstream.check(fresh, subject), 'good')
        only(await upstream.refresh(fresh, subject), 'refreshed')
      })
    }

    await test('LL-01 tells the trace nothing that is secret', () => {
      const told = JSON.stringify(trace)
      assert.ok(!told.includes(JSON.stringify(shape.right['password']).slice(1, -1)))
      assert.ok(!told.includes('secret of'))
      assert.ok(!told.includes('canary'))
    })
  })
}
