import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  openSync,
  ftruncateSync,
  closeSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'node:test'
import { generateSealingKey } from '../../src/keys/generate.ts'
import { changeRevocations } from '../../src/life/revocation-file.ts'
import { BrowserClient } from '../support/browser-client.ts'
import { says, startProgram, type Program } from './program.ts'

/* Files that a gateway follows go wrong while requests run. */

/** Asks all the time, and sees nothing but what it should. */
function using(program: Program, browser: BrowserClient, status = 200) {
  let running = true
  let asked = 0
  const done = (async () => {
    while (running) {
      assert.equal((await browser.send('/_auth/session')).status, status)
      asked += 1
      await wait(20)
    }
  })()
  return {
    /** Some more answers from now on. */
    async more() {
      const from = asked
      while (asked < from + 3) {
        await Promise.race([wait(20), done])
        assert.equal(program.process.exitCode, null)
      }
    },
    async stop() {
      running = false
      await done
    },
  }
}

function huge(file: string): void {
  const handle = openSync(file, 'w', 0o600)
  ftruncateSync(handle, 1_000_000_000)
  closeSync(handle)
}

const fifo = (file: string) => assert.equal(spawnSync('mkfifo', ['-m', '600', file]).status, 0)

test('something else lies in the key folder', async (t) => {
  const program = await startProgram(t)
  const browser = new BrowserClient(program.origin)
  await browser.signIn()
  const use = using(program, browser)
  const keys = join(program.folder, 'keys')
  const faults: Readonly<Record<string, readonly [(file: string) => void, string]>> = {
    half: [(file) => writeFileSync(file, '{"kty":"EC","crv":"P-2', { mode: 0o600 }), 'is not a JSON object'],
    folder: [(file) => mkdirSync(file), 'is not a file'],
    pipe: [fifo, 'is not a file'],
    huge: [huge, 'is larger than any key'],
    dangling: [(file) => symlinkSync('/nowhere', file), 'cannot be read'],
    open: [(file) => writeFileSync(file, '{}', { mode: 0o644 }), 'is open to everyone'],
  }
  for (const [name, [make, sentence]] of Object.entries(faults)) {
    make(join(keys, `${name}.jwk.json`))
    await says(program, `${name}.jwk.json: ${sentence}`)
    await use.more()
    assert.equal((await new BrowserClient(program.origin).signIn()).status, 303)
    rmSync(join(keys, `${name}.jwk.json`), { recursive: true })
  }
  await says(program, 'is good again')
  await use.stop()
})

test('the keys in use are half written, replaced or unreadable', async (t) => {
  const isRoot = process.getuid?.() === 0
  const program = await startProgram(
    t,
    isRoot ? { owner: 65_534, through: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'] } : {},
  )
  const browser = new BrowserClient(program.origin)
  await browser.signIn()
  const use = using(program, browser)
  const files = readdirSync(join(program.folder, 'keys')).map((name) => join(program.folder, 'keys', name))
  const texts = files.map((file) => readFileSync(file, 'utf8'))
  const heal = () => files.forEach((file, index) => writeFileSync(file, texts[index] ?? '', { mode: 0o600 }))
  let healed = 0
  const expect = async (make: () => void, sentence: string) => {
    const before = program.told(sentence).length
    make()
    await says(program, sentence, before + 1)
    await use.more()
    assert.equal((await new BrowserClient(program.origin).signIn()).status, 303)
  }
  const each = (change: (file: string) => void) => () => files.forEach(change)
  await expect(
    each((file) => writeFileSync(file, '{"kty":"EC","crv":"P-2')),
    'is not a JSON object',
  )
  heal()
  await says(program, 'is good again', (healed += 1))
  await expect(
    each((file) => chmodSync(file, 0o000)),
    'cannot be read',
  )
  each((file) => chmodSync(file, 0o600))()
  await says(program, 'is good again', (healed += 1))
  await expect(
    each((file) => writeFileSync(file, '')),
    'is not a JSON object',
  )
  heal()
  await says(program, 'is good again', (healed += 1))
  await use.stop()
})

test('the key folder is emptied, removed or replaced', async (t) => {
  const program = await startProgram(t)
  const browser = new BrowserClient(program.origin)
  await browser.signIn()
  const use = using(program, browser)
  const keys = join(program.folder, 'keys')
  const kept = join(program.folder, 'kept')
  cpSync(keys, kept, { recursive: true })
  let healed = 0
  const faults: Readonly<Record<string, readonly [() => void, string]>> = {
    emptied: [() => readdirSync(keys).forEach((name) => unlinkSync(join(keys, name))), 'there is no signing key'],
    removed: [() => rmSync(keys, { recursive: true }), 'this folder cannot be read'],
    'a file': [() => (rmSync(keys, { recursive: true }), writeFileSync(keys, '')), 'this folder cannot be read'],
    'a link to an empty one': [
      () => {
        rmSync(keys, { recursive: true })
        mkdirSync(join(program.folder, '..data'), { mode: 0o700 })
        symlinkSync('..data', keys)
      },
      'there is no signing key',
    ],
    'open to all': [() => chmodSync(keys, 0o777), 'others may write to this folder'],
  }
  for (const [make, sentence] of Object.values(faults)) {
    const before = program.told(sentence).length
    make()
    await says(program, sentence, before + 1)
    await use.more()
    assert.equal((await new BrowserClient(program.origin).signIn()).status, 303)
    rmSync(keys, { recursive: true, force: true })
    cpSync(kept, join(program.folder, 'next'), { recursive: true })
    renameSync(join(program.folder, 'next'), keys)
    await says(program, 'is good again', (healed += 1))
  }
  await use.stop()
})

test('a thousand keys lie in the folder', async (t) => {
  const program = await startProgram(t)
  const browser = new BrowserClient(program.origin)
  await browser.signIn()
  const use = using(program, browser)
  const activatesAt = Date.now() + 3_600_000
  let last = ''
  for (let count = 0; count < 1_000; count += 1) {
    const jwk = generateSealingKey({ activatesAt })
    last = jwk.kid
    writeFileSync(join(program.folder, 'keys', `${jwk.kid}.jwk.json`), JSON.stringify(jwk), { mode: 0o600 })
  }
  await says(program, `sealing key ${last} is here`)
  await use.more()
  await use.stop()
})

test('the revocations file is half written, emptied, removed, replaced, unreadable or huge', async (t) => {
  const program = await startProgram(t, {
    options: ({ folder }) => ({ revocations: { file: join(folder, 'revocations.yaml') } }),
  })
  const file = join(program.folder, 'revocations.yaml')
  const [john, ada] = [new BrowserClient(program.origin), new BrowserClient(program.origin)]
  await john.signIn('john')
  await ada.signIn('ada')
  await changeRevocations(file, (before) => ({ ...before, subjects: new Map([['accounts|1', Date.now()]]) }))
  while ((await john.send('/_auth/session')).status !== 401) await wait(20)
  const text = readFileSync(file, 'utf8')
  const use = [using(program, john, 401), using(program, ada)]
  const faults: Readonly<Record<string, readonly [() => void, string]>> = {
    'half written': [() => writeFileSync(file, text.slice(0, text.indexOf('T') + 3)), 'must be a time in ISO 8601'],
    emptied: [() => writeFileSync(file, ''), 'is empty. Put it back; a list of nobody is {}'],
    removed: [() => undefined, 'is not there'],
    'a folder': [() => mkdirSync(file), 'is not a file'],
    'a pipe': [() => fifo(file), 'is not a file'],
    'a device': [() => symlinkSync('/dev/zero', file), 'is not a file'],
    huge: [() => huge(file), 'is too large'],
    'no text': [() => writeFileSync(file, Buffer.from([0xff, 0xfe, 0x00])), 'must be a map of notBefore'],
  }
  const applied = '"event":"revocations_applied"'
  for (const [name, [make, sentence]] of Object.entries(faults)) {
    const before = program.told(sentence).length
    const healed = program.told(applied).length
    rmSync(file)
    make()
    await says(program, sentence, before + 1)
    for (const one of use) await one.more()
    rmSync(file, { recursive: true, force: true })
    // Of another text each time, so that it is seen to be read.
    writeFileSync(file, `${text}\n# after it was ${name}\n`)
    await says(program, applied, healed + 1)
  }
  for (const one of use) await one.stop()
  // And it is followed still.
  await changeRevocations(file, (before) => ({ ...before, notBefore: Date.now() }))
  while ((await ada.send('/_auth/session')).status !== 401) await wait(20)
})
