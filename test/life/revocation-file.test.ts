import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
  type FileHandle,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { changeRevocations, readList, readRevocations } from '../../src/life/revocation-file.ts'
import { parseRevocations } from '../../src/life/revocation-text.ts'
import { watchRevocations } from '../../src/life/revocation-watch.ts'
import { noRevocations, pruned, type RevocationList } from '../../src/life/revocations.ts'

const right = 'Put each line right, or the last good file back.'
const noon = '2026-11-24T12:00:00Z'
const at = Date.parse(noon)
const mustBeTime = 'must be a time in ISO 8601, such as 2026-11-24T12:00:00Z'

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'postern-test-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

const list = (more: Partial<RevocationList> = {}): RevocationList => ({ ...noRevocations, ...more })
const unchanged = (before: RevocationList) => before

describe('the text of a list', () => {
  for (const [what, text, expected] of [
    ['nothing at all', '', {}],
    ['a comment', '# nobody\n', {}],
    ['a map of nobody', '{}', {}],
    ['an empty text in quotes', '""', {}],
    ['members without anything', 'notBefore:\nsubjects:\nsessions:\n', {}],
    ['a time for everybody', `notBefore: ${noon}\n`, { notBefore: at }],
    ['a time in quotes', `notBefore: "${noon}"\n`, { notBefore: at }],
    ['a time with a fraction', 'notBefore: 2026-11-24T12:00:00.5Z\n', { notBefore: at + 500 }],
    ['a time with a long fraction', 'notBefore: 2026-11-24T12:00:00.123456Z\n', { notBefore: at + 123 }],
    ['a time with an offset', 'notBefore: 2026-11-24T14:00:00+02:00\n', { notBefore: at }],
    ['a time with an offset to the west', 'notBefore: 2026-11-24T01:30:00-10:30\n', { notBefore: at }],
    ['a person', `subjects: { "accounts|1": ${noon} }\n`, { subjects: new Map([['accounts|1', at]]) }],
    [
      'two sessions, and no person',
      `sessions:\n  one: ${noon}\n  two: 2026-11-24T12:00:01Z\nsubjects:\n`,
      {
        sessions: new Map([
          ['one', at],
          ['two', at + 1000],
        ]),
      },
    ],
    [
      'one name in two maps',
      `subjects: { a: ${noon} }\nsessions: { a: ${noon} }\n`,
      { subjects: new Map([['a', at]]), sessions: new Map([['a', at]]) },
    ],
  ] as const) {
    test(`may be ${what}`, () => assert.deepEqual(parseRevocations(text), { ok: true, list: list(expected) }))
  }

  for (const [what, text, ...faults] of [
    ['a word', 'nobody', '1:1 must be a map of notBefore, subjects and sessions'],
    ['a list', '- a', '1:1 must be a map of notBefore, subjects and sessions'],
    ['what YAML has for nothing', '\nnull', '2:1 must be a map of notBefore, subjects and sessions'],
    ['an alias', `subjects: &a { x: ${noon} }\nsessions: *a\n`, '2:1 sessions: must be a map to times'],
    ['an alias of a name', `subjects: { &a x: ${noon}, *a : ${noon} }\n`, `1:41 a key must be a text`],
    [
      'a member twice',
      `notBefore: ${noon}\nnotBefore: ${noon}\n`,
      '2:1 notBefore: stands in its map twice; keep one of them',
    ],
    [
      'a person twice',
      `subjects:\n  a: ${noon}\n  b: ${noon}\n  a: ${noon}\n`,
      '4:3 subjects.a: stands in its map twice; keep one of them',
    ],
    [
      'a person twice and a session twice, and both are told',
      `subjects: { a|1: ${noon}, a|1: ${noon} }\nsessions: { b: ${noon}, b: ${noon} }\n`,
      '1:40 subjects["a|1"]: stands in its map twice; keep one of them',
      '2:38 sessions.b: stands in its map twice; keep one of them',
    ],
    ['a list in the place of a name', `subjects: { ? [a] : ${noon} }`, '1:15 a key must be a text'],
    ['a list of one time', `notBefore: [${noon}]`, `1:1 notBefore: ${mustBeTime}`],
    [
      'a member of another name',
      '# a\n\nnotbefore: x',
      '3:1 notbefore: is not one of notBefore, subjects and sessions',
    ],
    ['a person for all persons', 'subjects: accounts|1', '1:1 subjects: must be a map to times'],
    ['a list of persons', 'subjects: [a]', '1:1 subjects: must be a map to times'],
    ['a person without a time', 'subjects: { a: }', `1:13 subjects.a: ${mustBeTime}`],
    ['a map in the place of a time', `sessions: { a: { b: ${noon} } }`, `1:13 sessions.a: ${mustBeTime}`],
    ['a day', 'notBefore: 2026-11-24', `1:1 notBefore: ${mustBeTime}`],
    ['a time of nowhere', 'notBefore: 2026-11-24T12:00:00', `1:1 notBefore: ${mustBeTime}`],
    ['a time that there is not', 'notBefore: 2026-11-24T25:00:00Z', `1:1 notBefore: ${mustBeTime}`],
    ['a time and more', `notBefore: ${noon} or so`, `1:1 notBefore: ${mustBeTime}`],
    ['a time behind more', `notBefore: since ${noon}`, `1:1 notBefore: ${mustBeTime}`],
    ['a time and a remark', `notBefore: ${noon} (noon)`, `1:1 notBefore: ${mustBeTime}`],
    ['a year of six digits', `notBefore: +00${noon}`, `1:1 notBefore: ${mustBeTime}`],
    ['a fraction without a digit', 'notBefore: 2026-11-24T12:00:00.Z', `1:1 notBefore: ${mustBeTime}`],
    [
      'wrong in many places, and every one is told',
      'notBefore: x\nsubjects:\n  a: y\n  b: z\nsessions: [c]\nmore: d\n',
      `1:1 notBefore: ${mustBeTime}`,
      `3:3 subjects.a: ${mustBeTime}`,
      `4:3 subjects.b: ${mustBeTime}`,
      '5:1 sessions: must be a map to times',
      '6:1 more: is not one of notBefore, subjects and sessions',
    ],
    [
      'what is no YAML',
      'a: [',
      '1:5 the indentation does not fit the lines above; begin the keys of one map in one column',
    ],
    ['two documents', 'a: b\n---\nc: d\n', '2:1 the file holds more than one document; keep one of them'],
    ['indented by a tab', `subjects:\n\ta: ${noon}\n`, '2:1 a tab cannot indent; use spaces'],
    [
      'what has no words of ours',
      '%YAML',
      '1:1 this is not YAML',
      '1:6 a quote, comma, colon or space is missing here or just before',
    ],
  ] as const) {
    test(`may not be ${what}`, () => {
      const result = parseRevocations(text)
      assert.ok(!result.ok)
      assert.deepEqual(
        result.faults.map(({ line, column, message }) => `${line}:${column} ${message}`),
        faults,
      )
    })
  }
})

test('a list without what is too old keeps what is exactly as old as it may be', () => {
  const times = new Map([
    ['old', 4],
    ['just', 5],
    ['new', 6],
  ])
  const kept = new Map([
    ['just', 5],
    ['new', 6],
  ])
  assert.deepEqual(pruned({ notBefore: 5, subjects: times, sessions: times }, 5), {
    notBefore: 5,
    subjects: kept,
    sessions: kept,
  })
  assert.equal(pruned(list({ notBefore: 4 }), 5).notBefore, undefined)
  assert.equal(pruned(list(), 5).notBefore, undefined)
})

describe('a file that is read', () => {
  const invalid = (message: string) => ({ code: 'POSTERN_REVOCATIONS_INVALID', message })

  test('and is not there is a list of nobody', async (t) => {
    const file = join(await folder(t), 'list.yaml')
    assert.deepEqual(await readList(file), { list: noRevocations, text: undefined })
    assert.deepEqual(await readRevocations(file), noRevocations)
  })

  test('is its list, and its text', async (t) => {
    const file = join(await folder(t), 'list.yaml')
    const text = `notBefore: ${noon}\n`
    await writeFile(file, text)
    assert.deepEqual(await readList(file), { list: list({ notBefore: at }), text })
  })

  test('and is none is refused, and the message says which and why', async (t) => {
    const dir = await folder(t)
    await assert.rejects(readList(dir), invalid(`${dir}: is not a file. Put a file there, or nothing.`))
    const file = join(dir, 'list.yaml')
    await writeFile(file, '# those who left\nnotBefore: x\nmore: y\n')
    await assert.rejects(
      readList(file),
      invalid(
        `${file} has 2 faults.\n  ${file}:2:1 notBefore: ${mustBeTime}\n  ${file}:3:1 more: is not one of notBefore, subjects and sessions\n${right}`,
      ),
    )
  })

  test('DS-01 and has a fault in every line is refused with the first twenty of them', async (t) => {
    const file = join(await folder(t), 'list.yaml')
    await writeFile(file, `subjects:\n${Array.from({ length: 19_000 }, (_, id) => `  a${id}: never\n`).join('')}`)
    const message = await readList(file).then(
      () => '',
      (error: Error) => error.message,
    )
    const lines = message.split('\n')
    assert.equal(lines.length, 23)
    assert.deepEqual(
      [lines[0], lines[20], lines[21], lines[22]],
      [`${file} has 19000 faults.`, `  ${file}:21:3 subjects.a19: ${mustBeTime}`, '  and 18980 more', right],
    )
  })

  test('and has twenty faults is refused with every one, and no word of more', async (t) => {
    const file = join(await folder(t), 'list.yaml')
    await writeFile(file, `subjects:\n${Array.from({ length: 20 }, (_, id) => `  a${id}: never\n`).join('')}`)
    await assert.rejects(readList(file), ({ message }: Error) => {
      const lines = message.split('\n')
      assert.deepEqual([lines.length, lines[0], lines[21]], [22, `${file} has 20 faults.`, right])
      return true
    })
  })

  test('DS-01 may be a mebibyte long, and not longer', async (t) => {
    const file = join(await folder(t), 'list.yaml')
    await writeFile(file, `notBefore: ${noon} #`.padEnd(1_048_576, ' '))
    assert.deepEqual(await readRevocations(file), list({ notBefore: at }))
    await truncate(file, 1_048_577)
    await assert.rejects(
      readList(file),
      invalid(
        `${file}: is too large. At most 1048576 bytes are read: take out what is older than session.absoluteTimeout.`,
      ),
    )
  })
})

describe('a file that is changed', () => {
  test('is made where there is none, readable for everybody, whatever the mask', async (t) => {
    const dir = await folder(t)
    const file = join(dir, 'list.yaml')
    const mask = process.umask(0o077)
    t.after(() => process.umask(mask))
    await changeRevocations(file, (before) => {
      assert.deepEqual(before, noRevocations)
      return list({ notBefore: at, subjects: new Map([['accounts|1', at + 1]]) })
    })
    const text =
      'notBefore: 2026-11-24T12:00:00.000Z\nsubjects:\n  accounts|1: 2026-11-24T12:00:00.001Z\nsessions: {}\n'
    assert.equal(await readFile(file, 'utf8'), text)
    assert.equal((await stat(file)).mode & 0o777, 0o644)
    assert.deepEqual(await readdir(dir), ['list.yaml'])
    await changeRevocations(file, (before) => list({ sessions: new Map([['s', before.notBefore ?? 0]]) }))
    assert.deepEqual(await readRevocations(file), list({ sessions: new Map([['s', at]]) }))
  })

  test('keeps its mode', async (t) => {
    const file = join(await folder(t), 'list.yaml')
    await writeFile(file, '')
    await chmod(file, 0o600)
    await changeRevocations(file, unchanged)
    assert.equal((await stat(file)).mode & 0o777, 0o600)
  })

  test('keeps its owner, where root changes it', { skip: process.getuid?.() === 0 ? false : 'not root' }, async (t) => {
    const dir = await folder(t)
    const file = join(dir, 'list.yaml')
    await writeFile(file, '')
    await chown(file, 1234, 1235)
    await changeRevocations(file, unchanged)
    const { uid, gid } = await stat(file)
    assert.deepEqual([uid, gid], [1234, 1235])
    await chown(dir, 1236, 1237)
    const another = join(dir, 'another.yaml')
    await changeRevocations(another, unchanged)
    assert.deepEqual([(await stat(another)).uid, (await stat(another)).mode & 0o777], [1236, 0o644])
  })

  describe('and is made by another than whose it was', () => {
    const denied = Object.assign(new Error('not permitted'), { code: 'EPERM' })

    /** To whom it was given by root or by another, where the new one is of `made`. */
    async function given(
      t: TestContext,
      made: { uid: (before: number) => number; gid: (before: number) => number },
      { root = true, mode = 0o644, fails = false } = {},
    ) {
      const dir = await folder(t)
      const file = join(dir, 'list.yaml')
      await writeFile(file, '')
      await chmod(file, mode)
      const { uid, gid } = await stat(file)
      const handle = await open(file)
      const methods = Object.getPrototypeOf(handle) as FileHandle
      await handle.close()
      const to: unknown[] = []
      t.mock.method(process as { getuid(): number }, 'getuid', () => (root ? 0 : 1000))
      const statOf = methods.stat
      t.mock.method(methods, 'stat', async function (this: FileHandle) {
        return Object.assign(await statOf.call(this), { uid: made.uid(uid), gid: made.gid(gid) })
      })
      t.mock.method(methods, 'chown', async (...owner: number[]) => {
        to.push(owner)
        if (fails) throw denied
      })
      const outcome = await changeRevocations(file, () => list({ notBefore: at })).then(
        () => 'written',
        (error: Error) => error.message,
      )
      t.mock.restoreAll()
      const written = (await readRevocations(file)).notBefore === at
      return { to, outcome, written, owner: [uid, gid], file, names: await readdir(dir) }
    }
    const same = (id: number) => id
    const other = (id: number) => id + 1

    for (const [what, made] of [
      ['user', { uid: other, gid: same }],
      ['group', { uid: same, gid: other }],
      ['user and group', { uid: other, gid: other }],
    ] as const)
      test(`is given back by root where the ${what} was another`, async (t) => {
        const { to, outcome, written, owner } = await given(t, made)
        assert.deepEqual([to, outcome, written], [[owner], 'written', true])
      })

    test('is given to nobody where it is whose it was, or by whoever is not root', async (t) => {
      for (const { to, written } of [
        await given(t, { uid: same, gid: same }),
        await given(t, { uid: other, gid: other }, { root: false }),
      ])
        assert.deepEqual([to, written], [[], true])
    })

    test('and cannot be given back is written where anybody may read it, and otherwise not', async (t) => {
      const made = { uid: other, gid: other }
      const readable = await given(t, made, { fails: true, mode: 0o604 })
      assert.deepEqual([readable.to, readable.outcome, readable.written], [[readable.owner], 'written', true])
      const secret = await given(t, made, { fails: true, mode: 0o660 })
      assert.match(secret.outcome, /cannot be written \(EPERM\)\. Nothing was changed\./)
      assert.deepEqual([secret.written, secret.names], [false, ['list.yaml']])
    })
  })

  test('is not written through a link that somebody has laid where it is made', async (t) => {
    const dir = await folder(t)
    const victim = join(dir, 'victim')
    await writeFile(victim, 'untouched')
    await symlink(victim, join(dir, '.list.yaml.tmp'))
    await changeRevocations(join(dir, 'list.yaml'), () => list({ notBefore: at }))
    assert.equal(await readFile(victim, 'utf8'), 'untouched')
    assert.deepEqual(await readRevocations(join(dir, 'list.yaml')), list({ notBefore: at }))
    assert.deepEqual(await readdir(dir), ['list.yaml', 'victim'])
  })

  test('is the one that a link leads to, and the link stays', async (t) => {
    const dir = await folder(t)
    const there = join(dir, 'there')
    await mkdir(there)
    await writeFile(join(there, 'real.yaml'), '')
    const link = join(dir, 'list.yaml')
    await symlink(join(there, 'real.yaml'), link)
    await changeRevocations(link, () => list({ notBefore: at }))
    assert.ok((await lstat(link)).isSymbolicLink())
    assert.equal(await readlink(link), join(there, 'real.yaml'))
    assert.deepEqual(await readRevocations(link), list({ notBefore: at }))
    assert.deepEqual([await readdir(dir), await readdir(there)], [['list.yaml', 'there'], ['real.yaml']])
  })

  test('is kept by one process at a time, under a name that nobody takes for a list', async (t) => {
    const dir = await folder(t)
    const file = join(dir, 'list.yaml')
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const waits: number[] = []
    let seen: string[] = []
    const lock = join(dir, '.list.yaml.lock')
    await writeFile(lock, '1\n')
    const pending = changeRevocations(file, unchanged, async (milliseconds) => {
      waits.push(milliseconds)
      if (waits.length < 3) return
      seen = await readdir(dir)
      await rm(lock)
      begin()
    })
    await begun
    await pending
    assert.deepEqual([waits, seen], [[50, 50, 50], ['.list.yaml.lock']])
    assert.deepEqual(await readdir(dir), ['list.yaml'])
  })

  test('and that another process keeps is tried for five seconds', async (t) => {
    const dir = await folder(t)
    const file = join(dir, 'list.yaml')
    const lock = join(dir, '.list.yaml.lock')
    await writeFile(lock, '1\n')
    let waited = 0
    const wait = async (milliseconds: number) => void (waited += milliseconds)
    await assert.rejects(changeRevocations(file, unchanged, wait), {
      code: 'POSTERN_REVOCATIONS_LOCKED',
      message: `${lock} says that another process is at work on the list. If none is, delete that file and try again.`,
    })
    assert.equal(waited, 4950)
    assert.deepEqual(await readdir(dir), ['.list.yaml.lock'])
  })

  test('keeps out others while it is changed, and says which process does', async (t) => {
    const dir = await folder(t)
    let owner = ''
    await changeRevocations(join(dir, 'list.yaml'), (before) => {
      owner = readFileSync(join(dir, '.list.yaml.lock'), 'utf8')
      return before
    })
    assert.equal(owner, `${process.pid}\n`)
  })

  for (const [what, target, code] of [
    ['lies in no folder', join('nowhere', 'list.yaml'), 'ENOENT'],
    ['lies in what is no folder', join('file', 'list.yaml'), 'ENOTDIR'],
  ] as const) {
    test(`and ${what} is not written, and the message says what to do`, async (t) => {
      const dir = await folder(t)
      await writeFile(join(dir, 'file'), '')
      const lock = join(dir, target.replace('list.yaml', '.list.yaml.lock'))
      await assert.rejects(changeRevocations(join(dir, target), unchanged), {
        code: 'POSTERN_REVOCATIONS_INVALID',
        message: `${lock}: cannot be written (${code}). Nothing was changed. The folder must be there and writable for whoever runs this.`,
      })
      assert.deepEqual(await readdir(dir), ['file'])
    })
  }

  test('may become as large as one that is read, and where it would be larger it stays as it is', async (t) => {
    const dir = await folder(t)
    const file = join(dir, 'list.yaml')
    const of = (length: number) => () => list({ sessions: new Map([['x'.repeat(length), at]]) })
    await changeRevocations(file, of(1_000_000))
    const most = 1_000_000 + 1_048_576 - (await stat(file)).size
    await changeRevocations(file, of(most))
    assert.equal((await stat(file)).size, 1_048_576)
    await assert.rejects(changeRevocations(file, of(most + 1)), {
      code: 'POSTERN_REVOCATIONS_INVALID',
      message: `${file}: would be larger than 1048576 bytes, and no gateway would read it. Nothing was written; end everyone's sessions with: postern revoke --all`,
    })
    assert.equal((await stat(file)).size, 1_048_576)
    assert.deepEqual(await readdir(dir), ['list.yaml'])
  })

  test('and cannot be put in its place is not, and nothing is left beside it', async (t) => {
    const dir = await folder(t)
    const file = join(dir, 'list.yaml')
    const makeFolder = (before: RevocationList) => {
      mkdirSync(file)
      return before
    }
    await assert.rejects(changeRevocations(file, makeFolder), {
      code: 'POSTERN_REVOCATIONS_INVALID',
      message: `${file}: cannot be written (EISDIR). Nothing was changed. The folder must be there and writable for whoever runs this.`,
    })
    assert.deepEqual(await readdir(dir), ['list.yaml'])
  })

  test('stays as it is where the change itself fails, and nothing is left beside it', async (t) => {
    const dir = await folder(t)
    const file = join(dir, 'list.yaml')
    const fault = new Error('no')
    const fail = () => {
      throw fault
    }
    await assert.rejects(changeRevocations(file, fail), (error) => error === fault)
    assert.deepEqual(await readdir(dir), [])
    await writeFile(file, 'notBefore: x\n')
    await assert.rejects(changeRevocations(file, unchanged), /^PosternError: .*has a fault/)
    assert.equal(await readFile(file, 'utf8'), 'notBefore: x\n')
    assert.deepEqual(await readdir(dir), ['list.yaml'])
  })
})

describe('a file that is followed', () => {
  /** Looks come when a test says; the one that comes by itself is as far away as it ever is. */
  async function followed(t: TestContext, text?: string, first?: { readonly text: string | undefined }) {
    const file = join(await folder(t), 'list.yaml')
    if (text !== undefined) await writeFile(file, text)
    const lists: RevocationList[] = []
    const faults: string[] = []
    let goodAgain = 0
    let broken: Error | undefined
    const watch = watchRevocations(
      file,
      (taken) => {
        if (broken !== undefined) throw broken
        lists.push(taken)
      },
      (message) => void faults.push(message),
      () => void (goodAgain += 1),
      first,
    )
    t.after(() => watch.close())
    return {
      file,
      lists,
      faults,
      goodAgain: () => goodAgain,
      watch,
      breakWith: (error: Error | undefined) => (broken = error),
      async look(times = 2) {
        for (let count = 0; count < times; count += 1) await watch.look()
      },
      write: (more: string) => writeFile(file, more),
    }
  }
  const kept = 'The list before it stays in force.'

  test('is taken once two looks found it alike, and once', async (t) => {
    const { lists, faults, goodAgain, look, write } = await followed(t, `notBefore: ${noon}\n`)
    await look(1)
    assert.deepEqual(lists, [])
    await look(1)
    assert.deepEqual(lists, [list({ notBefore: at })])
    await look(3)
    assert.equal(lists.length, 1)
    await write('{}')
    await look(1)
    assert.equal(lists.length, 1)
    await write(`sessions: { a: ${noon} }`)
    await look(1)
    assert.equal(lists.length, 1, 'it was changed between the two')
    await look(1)
    assert.deepEqual(lists.at(-1), list({ sessions: new Map([['a', at]]) }))
    await look(3)
    assert.deepEqual([faults, goodAgain()], [[], 0], 'there is nothing to say')
  })

  test('and was there at the start is not taken again', async (t) => {
    const text = `notBefore: ${noon}\n`
    const { lists, look, write } = await followed(t, text, { text })
    await look()
    assert.deepEqual(lists, [])
    await write('{}')
    await look()
    assert.deepEqual(lists, [noRevocations])
  })

  test('and was never there is nothing to speak of', async (t) => {
    const { lists, faults, look, write } = await followed(t)
    await look(3)
    assert.deepEqual([lists, faults], [[], []])
    await write('')
    await look()
    assert.deepEqual([lists, faults], [[noRevocations], []])
  })

  test('and is something else from the start is told, and so is that it is gone again', async (t) => {
    const { file, lists, faults, goodAgain, look } = await followed(t)
    const fault = `${file}: is not a file. Put a file there, or nothing. ${kept}`
    for (const times of [1, 2]) {
      await mkdir(file)
      await look(3)
      assert.equal(faults.length, times)
      await rm(file, { recursive: true })
      await look(3)
      assert.equal(goodAgain(), times)
    }
    assert.deepEqual([lists, faults], [[], [fault, fault]])
  })

  test('and is gone is told once, each time', async (t) => {
    const text = `notBefore: ${noon}\n`
    const { file, lists, faults, goodAgain, look, write } = await followed(t, text)
    await look()
    const gone = `${file}: is not there. Put it back; a list of nobody is {}. ${kept}`
    for (const times of [1, 2]) {
      await rm(file)
      await look(4)
      assert.deepEqual(
        faults,
        Array.from({ length: times }, () => gone),
      )
      assert.equal(goodAgain(), times - 1)
      await write(text)
      await look(5)
      assert.equal(goodAgain(), times)
    }
    assert.equal(lists.length, 1, 'nothing was taken: it was in force all the time')
  })

  for (const empty of ['', ' \n']) {
    test(`and is empty (${JSON.stringify(empty)}) after it was not opens nothing`, async (t) => {
      const { file, lists, faults, look, write } = await followed(t, `notBefore: ${noon}\n`)
      await look()
      await write(empty)
      await look(3)
      assert.deepEqual(faults, [`${file}: is empty. Put it back; a list of nobody is {}. ${kept}`])
      await write('{}')
      await look()
      assert.deepEqual(lists.at(-1), noRevocations)
    })
  }

  test('and is as empty as it was before is taken', async (t) => {
    const { lists, faults, look, write } = await followed(t, '')
    await look()
    for (const empty of ['\n', '']) {
      await write(empty)
      await look()
    }
    assert.deepEqual([lists, faults], [[noRevocations, noRevocations, noRevocations], []])
  })

  test('with faults is told once, and taken when it is mended', async (t) => {
    const { file, lists, faults, look, write } = await followed(t, 'notBefore: x\n')
    await look(4)
    const fault = `${file} has a fault.\n  ${file}:1:1 notBefore: ${mustBeTime}\n${right} ${kept}`
    assert.deepEqual(faults, [fault])
    await write('more: x\n')
    await look()
    assert.equal(faults.length, 2, 'another fault')
    await write(`notBefore: ${noon}\n`)
    await look()
    assert.deepEqual(lists, [list({ notBefore: at })])
    await write('notBefore: x\n')
    await look()
    assert.equal(faults.length, 3, 'the first one again')
  })

  test('and is too large, or no file, is told', async (t) => {
    const { file, faults, look, write } = await followed(t, '')
    await look()
    await write(' '.repeat(1_048_577))
    await look()
    await rm(file)
    await mkdir(file)
    await look()
    assert.deepEqual(faults, [
      `${file}: is too large. At most 1048576 bytes are read: take out what is older than session.absoluteTimeout. ${kept}`,
      `${file}: is not a file. Put a file there, or nothing. ${kept}`,
    ])
  })

  test('whose list cannot be put in force is told without what went wrong inside, and tried again when it changes', async (t) => {
    const { file, lists, faults, look, write, breakWith } = await followed(t, '{}')
    breakWith(new Error('inside'))
    await look(4)
    assert.deepEqual(faults, [`${file} cannot be used. ${kept}`])
    breakWith(undefined)
    await write('{ }')
    await look()
    assert.deepEqual(lists, [noRevocations])
  })

  test('is looked at by itself', async (t) => {
    const file = join(await folder(t), 'list.yaml')
    await writeFile(file, `notBefore: ${noon}\n`)
    const { promise, resolve } = Promise.withResolvers<RevocationList>()
    const watch = watchRevocations(file, resolve, () => undefined)
    t.after(() => watch.close())
    // Its timer holds no process, so something else has to.
    const held = setInterval(() => undefined, 1000)
    assert.deepEqual(await promise, list({ notBefore: at }))
    clearInterval(held)
  })

  test('and is closed is not looked at any more, not even by a look that is under way', async (t) => {
    const { lists, watch, look } = await followed(t, '{}')
    await look(1)
    const pending = watch.look()
    watch.close()
    await pending
    await look()
    assert.deepEqual(lists, [])
  })
})
