import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { changeRevocations, readRevocations } from '../../src/life/revocation-file.ts'
import { parseRevocations } from '../../src/life/revocation-text.ts'
import { createRevocations, pruned } from '../../src/life/revocations.ts'
import { BrowserClient, bearerToken, send } from '../support/browser-client.ts'
import { fakeClock, seconds } from '../support/clock.ts'
import { startGateway } from '../support/gateway.ts'
import { freshKeys } from '../support/keys.ts'

const iso = (at: number) => new Date(at).toISOString()

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'postern-test-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** Asks until the answer has that status: the file is looked at every second. */
async function until(status: number, ask: () => Promise<{ status: number }>): Promise<void> {
  const deadline = Date.now() + 10_000
  while ((await ask()).status !== status) {
    assert.ok(Date.now() < deadline, `no ${status} in 10 s`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

test('LO-04 a list written while two processes run ends the sessions it names in both, and no others', async (t) => {
  const dir = await folder(t)
  const file = join(dir, 'revocations.yaml')
  const clock = fakeClock(Date.now())
  const keys = await freshKeys(clock())
  const options = () => ({ revocations: { file } })
  const one = await startGateway({ clock, keys, options })
  const two = await startGateway({ clock, keys, options, service: one.service, publicUrl: one.origin })
  t.after(async () => {
    await two.close()
    await one.close()
  })
  const john = new BrowserClient(one.origin)
  const ada = new BrowserClient(one.origin)
  await john.signIn('john')
  await ada.signIn('ada')
  const authorization = `Bearer ${await bearerToken(one.origin)}`
  const visits = (browser: BrowserClient, origin: string) => {
    browser.origin = origin
    return browser.send('/protected')
  }
  for (const { origin } of [one, two]) {
    assert.equal((await visits(john, origin)).status, 200)
    assert.equal((await visits(ada, origin)).status, 200)
  }
  clock.advance(seconds(2))
  await changeRevocations(file, (before) => ({ ...before, subjects: new Map([['accounts|1', clock()]]) }))
  for (const { origin } of [one, two]) {
    await until(303, () => visits(john, origin))
    assert.equal((await send(`${origin}/protected`, 'GET', { authorization })).status, 401)
    assert.equal((await visits(ada, origin)).status, 200)
  }
  // Signing in anew is a new session.
  clock.advance(seconds(2))
  await john.signIn('john')
  assert.equal((await visits(john, one.origin)).status, 200)

  await changeRevocations(file, (before) => ({ ...before, notBefore: clock() }))
  for (const { origin } of [one, two]) await until(303, () => visits(ada, origin))

  // A symlink swapped as Kubernetes does it, to a list that nobody can use: the one before stays in force.
  const good = await readFile(file, 'utf8')
  const broken = join(dir, 'broken.yaml')
  await writeFile(broken, 'notBefore: yesterday\n')
  await symlink(broken, join(dir, 'next'))
  await rename(join(dir, 'next'), file)
  const deadline = Date.now() + 10_000
  while (!one.events.some((event) => event.type === 'revocations_refused' && event.message.includes('notBefore'))) {
    assert.ok(Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.equal((await visits(ada, one.origin)).status, 303)

  // Nor does a list that is gone open anything.
  await rm(file)
  while (!one.events.some((event) => event.type === 'revocations_refused' && event.message.includes('is not there'))) {
    assert.ok(Date.now() < deadline + 10_000)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.equal((await visits(ada, one.origin)).status, 303)

  // What was in force all the time is there again: whoever was told of the fault is told of that.
  await writeFile(file, good)
  const types = () => one.events.map(({ type }) => type)
  while (types().lastIndexOf('revocations_applied') < types().lastIndexOf('revocations_refused')) {
    assert.ok(Date.now() < deadline + 20_000)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.ok(one.events.some((event) => event.type === 'notice' && event.message.includes('is good again')))
  assert.equal((await visits(ada, one.origin)).status, 303)
})

describe('a list', () => {
  test('LO-04 ends what began at or before its cut-off', () => {
    const revocations = createRevocations()
    const claims = { sub: 'accounts|1', sid: 's1', auth_time: 1000 }
    assert.ok(!revocations.revokes(claims))
    const list = { notBefore: undefined, subjects: new Map<string, number>(), sessions: new Map<string, number>() }
    revocations.replace({ ...list, notBefore: 1_000_000 })
    assert.ok(revocations.revokes(claims))
    revocations.replace({ ...list, notBefore: 999_999 })
    assert.ok(!revocations.revokes(claims))
    revocations.replace({ ...list, sessions: new Map([['s1', 1_000_000]]) })
    assert.ok(revocations.revokes(claims))
    revocations.replace({ ...list, subjects: new Map([['accounts|2', 2_000_000]]) })
    assert.ok(!revocations.revokes(claims))
  })

  test('comes back as it was written', async (t) => {
    const file = join(await folder(t), 'list.yaml')
    const list = {
      notBefore: Date.parse('2026-01-01T00:00:00Z'),
      subjects: new Map([['accounts|42', 1_795_000_000_000]]),
      sessions: new Map([['abc', 1_795_000_000_123]]),
    }
    await changeRevocations(file, () => list)
    assert.deepEqual(await readRevocations(file), list)
  })

  test('loses no entry when many write at once, and leaves nothing beside it', async (t) => {
    const dir = await folder(t)
    const file = join(dir, 'list.yaml')
    const names = Array.from({ length: 30 }, (_, index) => `accounts|${index}`)
    await Promise.all(
      names.map((name) =>
        changeRevocations(file, (before) => ({ ...before, subjects: new Map([...before.subjects, [name, 5]]) })),
      ),
    )
    assert.deepEqual([...(await readRevocations(file)).subjects.keys()].toSorted(), names.toSorted())
    assert.deepEqual(await readdir(dir), ['list.yaml'])
  })

  test('that another process keeps is not written, and the error says what to do', async (t) => {
    const dir = await folder(t)
    const file = join(dir, 'list.yaml')
    await writeFile(join(dir, '.list.yaml.lock'), '1\n')
    await assert.rejects(
      changeRevocations(file, (before) => before),
      {
        code: 'POSTERN_REVOCATIONS_LOCKED',
        message: /delete that file and try again/,
      },
    )
    assert.deepEqual(await readdir(dir), ['.list.yaml.lock'])
  })

  test('with faults is not written over', async (t) => {
    const dir = await folder(t)
    const file = join(dir, 'list.yaml')
    await writeFile(file, 'notBefore: yesterday\n')
    await assert.rejects(
      changeRevocations(file, (before) => before),
      { code: 'POSTERN_REVOCATIONS_INVALID' },
    )
    assert.deepEqual(await readdir(dir), ['list.yaml'])
    assert.equal(await readFile(file, 'utf8'), 'notBefore: yesterday\n')
  })

  test('forgets what no living session can meet', () => {
    const list = {
      notBefore: 1,
      subjects: new Map([
        ['a', 1],
        ['b', 5],
      ]),
      sessions: new Map([['c', 9]]),
    }
    assert.deepEqual(pruned(list, 5), {
      notBefore: undefined,
      subjects: new Map([['b', 5]]),
      sessions: new Map([['c', 9]]),
    })
  })

  const good: Readonly<Record<string, string>> = {
    empty: '',
    'only a comment': '# nothing yet\n',
    'empty members': 'subjects:\nsessions: {}\n',
    'a time in quotes and one without': `notBefore: "${iso(0)}"\nsubjects: { a|1: 2026-11-24T12:00:00Z }\n`,
    'an offset': 'notBefore: 2026-11-24T12:00:00+02:00\n',
  }
  for (const [name, text] of Object.entries(good)) test(`may be ${name}`, () => assert.ok(parseRevocations(text).ok))

  const bad: Readonly<Record<string, readonly [string, RegExp]>> = {
    'a list': ['- a\n', /must be a map/],
    'an unknown member': ['notbefore: 2026-11-24T12:00:00Z\n', /^notbefore: is not one of/],
    'a date without a time': ['notBefore: 2026-11-24\n', /^notBefore: must be a time/],
    'a number': ['subjects: { a: 12 }\n', /^subjects\.a: must be a time/],
    'no YAML': ['a: [\n', /the indentation does not fit/],
    'an alias': ['subjects: &a { x: 2026-11-24T12:00:00Z }\nsessions: *a\n', /^sessions: must be a map/],
  }
  for (const [name, [text, fault]] of Object.entries(bad)) {
    test(`may not be ${name}`, () => {
      const result = parseRevocations(text)
      assert.ok(!result.ok)
      assert.match(result.faults[0]?.message ?? '', fault)
    })
  }

  test('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) =>
        assert.equal(typeof parseRevocations(text).ok, 'boolean'),
      ),
    )
  })
})
