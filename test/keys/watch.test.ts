import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { PosternEvent } from '../../src/base/events.ts'
import { createKeyFolder, keyFileName, loadFrom, writeKeyFile } from '../../src/keys/folder.ts'
import { generateSealingKey, generateSigningKey, type StoredJwk } from '../../src/keys/generate.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import { watchKeys } from '../../src/keys/watch.ts'
import { fakeClock, hours, minutes } from '../support/clock.ts'

const start = Date.parse('2026-11-24T12:00:00Z')
const active = { activatesAt: start - hours(24) }

async function temporary(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'postern-watch-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

async function watched(t: TestContext, dir: string) {
  const clock = fakeClock(start)
  const events: PosternEvent[] = []
  const folder = createKeyFolder(dir)
  const reading = await loadFrom(folder)
  const ring = createKeyRing(reading.keys, minutes(31), clock)
  const watch = watchKeys(folder, reading, {
    ring,
    maxAge: hours(24 * 90),
    clock,
    events: (event) => events.push(event),
  })
  t.after(() => watch.close())
  return {
    ring,
    clock,
    watch,
    /** Two looks that find the same. */
    async settle() {
      await watch.look()
      await watch.look()
    },
    published: () => ring.published().map(({ kid }) => kid),
    /** The sentences of the log, by level. */
    said: (level: 'warning' | 'notice') =>
      events.flatMap((event) => ('message' in event && told[level].includes(event.type) ? [event.message] : [])),
    errors: () => events.filter(({ type }) => type === 'error'),
  }
}

async function filled(t: TestContext) {
  const dir = await temporary(t)
  const signing = await generateSigningKey('ES256', active)
  const sealing = generateSealingKey(active)
  await writeKeyFile(dir, signing)
  await writeKeyFile(dir, sealing)
  return { dir, signing, sealing, ...(await watched(t, dir)) }
}

const told: Readonly<Record<'warning' | 'notice', readonly PosternEvent['type'][]>> = {
  warning: ['warning', 'keys_refused'],
  notice: ['notice', 'keys_changed', 'keys_in_use'],
}

const file = (dir: string, { kid }: StoredJwk) => join(dir, keyFileName(kid))

test('a new key is published, and used from its own time on', async (t) => {
  const { dir, signing, settle, ring, clock, published, said } = await filled(t)
  const next = await generateSigningKey('ES256', { activatesAt: start + minutes(15), follows: signing.kid })
  await writeKeyFile(dir, next)
  await settle()
  assert.deepEqual(new Set(published()), new Set([signing.kid, next.kid]))
  assert.equal(ring.signingKey().kid, signing.kid)
  assert.deepEqual(said('notice'), [`keys: signing key ${next.kid} is here`])
  clock.advance(minutes(15))
  await settle()
  assert.equal(ring.signingKey().kid, next.kid)
  assert.deepEqual(said('notice'), [
    `keys: signing key ${next.kid} is here`,
    `keys: in use from now on: signing key ${next.kid}`,
  ])
})

test('KR-04 removing current makes the newest next current at once, though a retired key is left', async (t) => {
  const { dir, signing, settle, ring } = await filled(t)
  const current = await generateSigningKey('ES256', { activatesAt: start - minutes(1), follows: signing.kid })
  const next = await generateSigningKey('ES256', { activatesAt: start + minutes(15), follows: current.kid })
  await writeKeyFile(dir, current)
  await writeKeyFile(dir, next)
  await settle()
  assert.equal(ring.signingKey().kid, current.kid)
  const { generation } = ring
  await unlink(file(dir, current))
  await settle()
  assert.equal(ring.signingKey().kid, next.kid)
  assert.equal(ring.verifyingKey(current.kid), undefined)
  assert.equal(ring.verifyingKey(signing.kid)?.kid, signing.kid)
  assert.notEqual(ring.generation, generation)
})

test('KR-04 a removal counts although another file is junk', async (t) => {
  const { dir, signing, settle, ring } = await filled(t)
  const next = await generateSigningKey('ES256', { activatesAt: start + minutes(15) })
  await writeKeyFile(dir, next)
  await writeFile(join(dir, 'junk.jwk.json'), '{ "kid": ', { mode: 0o600 })
  await settle()
  await unlink(file(dir, signing))
  await settle()
  assert.equal(ring.verifyingKey(signing.kid), undefined)
  assert.equal(ring.signingKey().kid, next.kid)
})

test('KR-05 a file that is written in steps changes nothing until it is whole, and one step alerts once', async (t) => {
  const { dir, signing, settle, watch, published, said } = await filled(t)
  const next = await generateSigningKey('ES256', { activatesAt: start + minutes(15) })
  const text = JSON.stringify(next)
  for (const length of [0, 1, 20, text.length - 1]) {
    await writeFile(file(dir, next), text.slice(0, length), { mode: 0o600 })
    await watch.look()
    assert.deepEqual(published(), [signing.kid])
  }
  // It moved between any two looks: nobody was told of a fault.
  assert.deepEqual(said('warning'), [])
  await settle()
  await settle()
  assert.equal(said('warning').length, 1)
  assert.match(said('warning')[0] ?? '', /is not a JSON object; what was good before stays in force$/)
  assert.deepEqual(published(), [signing.kid])
  assert.equal(watch.faults, 1)
  await writeFile(file(dir, next), text)
  await settle()
  assert.deepEqual(new Set(published()), new Set([signing.kid, next.kid]))
  assert.equal(watch.faults, 0)
  assert.equal(said('notice').filter((one) => one.endsWith('is good again')).length, 1)
})

const faults: Readonly<Record<string, (dir: string, signing: StoredJwk, sealing: StoredJwk) => Promise<void>>> = {
  'the current key cut in half': async (dir, signing) =>
    writeFile(file(dir, signing), (await readFile(file(dir, signing), 'utf8')).slice(0, 60)),
  'the current key emptied': (dir, signing) => writeFile(file(dir, signing), ''),
  'the current key open to everyone': (dir, signing) => chmod(file(dir, signing), 0o644),
  'the current key a folder': async (dir, signing) => {
    await unlink(file(dir, signing))
    await mkdir(file(dir, signing))
  },
  'a symlink to nothing': async (dir, signing) => {
    await unlink(file(dir, signing))
    await symlink('gone', file(dir, signing))
  },
  'junk beside it': (dir) => writeFile(join(dir, 'junk.jwk.json'), Buffer.alloc(300, 0xff), { mode: 0o600 }),
  'something huge beside it': (dir) => writeFile(join(dir, 'huge.jwk.json'), 'x'.repeat(70_000), { mode: 0o600 }),
  'a key that everyone can read beside it': async (dir) => {
    const next = await generateSigningKey('ES256', { activatesAt: start - 1000 })
    await writeKeyFile(dir, next)
    await chmod(file(dir, next), 0o644)
  },
  'a key of the demo beside it': async (dir) => {
    await writeKeyFile(dir, await generateSigningKey('ES256', { activatesAt: start - 1000, demo: true }))
  },
  'the only signing key gone': (dir, signing) => unlink(file(dir, signing)),
  'the only sealing key gone': (dir, _, sealing) => unlink(file(dir, sealing)),
  'the folder emptied': async (dir, signing, sealing) => {
    await unlink(file(dir, signing))
    await unlink(file(dir, sealing))
  },
  'the folder gone': (dir) => rename(dir, `${dir}-away`),
  'the folder open to everyone': (dir) => chmod(dir, 0o777),
}

for (const [name, break_] of Object.entries(faults)) {
  test(`KR-05 ${name}: the last good keys stay, and one alert is said`, async (t) => {
    const { dir, signing, sealing, settle, ring, published, said, errors } = await filled(t)
    t.after(() => rm(`${dir}-away`, { recursive: true, force: true }))
    const before = { signing: ring.signingKey(), sealing: ring.sealingKey(), generation: ring.generation }
    await break_(dir, signing, sealing)
    for (let count = 0; count < 3; count += 1) await settle()
    assert.deepEqual(published(), [signing.kid])
    assert.deepEqual({ signing: ring.signingKey(), sealing: ring.sealingKey(), generation: ring.generation }, before)
    assert.equal(said('warning').length, 1)
    assert.deepEqual(errors(), [])
    assert.ok(
      !said('warning')
        .join('')
        .includes(signing['d'] as string),
    )
  })
}

test('KR-05 once it is healed nothing has changed, and that is said once', async (t) => {
  const { dir, signing, settle, ring, said } = await filled(t)
  const key = ring.signingKey()
  const { generation } = ring
  const text = await readFile(file(dir, signing), 'utf8')
  await writeFile(file(dir, signing), '{')
  await settle()
  await writeFile(file(dir, signing), text)
  await settle()
  await settle()
  // The same object: what it counted goes on.
  assert.equal(ring.signingKey(), key)
  assert.equal(ring.generation, generation)
  assert.deepEqual(said('notice'), [`keys: ${dir} is good again`])
})

test('KR-05 a change that is not finished at one look is not acted upon', async (t) => {
  const { dir, signing, sealing, watch, ring } = await filled(t)
  const { generation } = ring
  // As a copying program does: first away with all, then one after the other.
  const texts = await Promise.all([signing, sealing].map((one) => readFile(file(dir, one), 'utf8')))
  const next = await generateSigningKey('ES256', { activatesAt: start + minutes(15) })
  await writeKeyFile(dir, next)
  await unlink(file(dir, signing))
  await watch.look()
  assert.equal(ring.generation, generation)
  await writeFile(file(dir, signing), texts[0] ?? '', { mode: 0o600 })
  await watch.look()
  await watch.look()
  assert.equal(ring.signingKey().kid, signing.kid)
  assert.equal(ring.published().length, 2)
})

test('KR-05 each fault is said once, and that all is good again only once all is', async (t) => {
  const { dir, settle, watch, said } = await filled(t)
  const junk = (name: string) => writeFile(join(dir, `${name}.jwk.json`), '{', { mode: 0o600 })
  const fault = (name: string) => `keys: ${name}.jwk.json: is not a JSON object; what was good before stays in force`
  await junk('a')
  await settle()
  await junk('b')
  await settle()
  assert.deepEqual(said('warning'), [fault('a'), fault('b')])
  assert.equal(watch.faults, 2)
  await unlink(join(dir, 'a.jwk.json'))
  await settle()
  assert.deepEqual([said('notice'), watch.faults], [[], 1])
  await unlink(join(dir, 'b.jwk.json'))
  await settle()
  assert.deepEqual([said('notice'), watch.faults], [[`keys: ${dir} is good again`], 0])
})

test('KR-05 what a folder lacks is said', async (t) => {
  const { dir, sealing, settle, said } = await filled(t)
  await unlink(file(dir, sealing))
  await settle()
  assert.deepEqual(said('warning'), [`keys: ${dir}: there is no sealing key; what was good before stays in force`])
})

test('KR-04 a key that takes the place of another in one step is taken, and both are told of', async (t) => {
  const { dir, signing, settle, ring, said } = await filled(t)
  const other = await generateSigningKey('ES256', active)
  await writeKeyFile(dir, other)
  await unlink(file(dir, signing))
  await settle()
  assert.deepEqual([ring.signingKey().kid, ring.verifyingKey(signing.kid)], [other.kid, undefined])
  assert.equal(
    said('notice')[0],
    `keys: signing key ${other.kid} is here; signing key ${signing.kid} is gone, and what it made with it`,
  )
})

test('KR-05 a look that goes wrong changes nothing, and its fault is reported', async (t) => {
  const events: PosternEvent[] = []
  const dir = await temporary(t)
  await writeKeyFile(dir, await generateSigningKey('ES256', active))
  await writeKeyFile(dir, generateSealingKey(active))
  const reading = await loadFrom(createKeyFolder(dir))
  const clock = fakeClock(start)
  const ring = createKeyRing(reading.keys, minutes(31), clock)
  const error = new Error('out of handles')
  const broken = { dir, read: () => Promise.reject(error) }
  const watch = watchKeys(broken, reading, { ring, maxAge: hours(24), clock, events: (event) => events.push(event) })
  t.after(() => watch.close())
  await watch.look()
  assert.deepEqual(events, [{ type: 'error', where: 'keys', error }])
})

/** A mounted Secret as the kubelet makes it: names that point through `..data` into a folder with a time in its name. */
async function mount(dir: string, version: string, keys: readonly StoredJwk[]): Promise<void> {
  await mkdir(join(dir, version), { mode: 0o755 })
  for (const key of keys)
    await writeFile(join(dir, version, keyFileName(key.kid)), JSON.stringify(key), { mode: 0o400 })
  await symlink(version, join(dir, '..data_tmp'))
  await rename(join(dir, '..data_tmp'), join(dir, '..data'))
  for (const key of keys) await symlink(join('..data', keyFileName(key.kid)), file(dir, key)).catch(() => undefined)
}

test('KR-05 symlinks that are swapped as Kubernetes does it', async (t) => {
  const dir = await temporary(t)
  const [old, sealing] = [await generateSigningKey('ES256', active), generateSealingKey(active)]
  await mount(dir, '..2026_11_24_12_00_00.1', [old, sealing])
  const { settle, watch, ring, said, published } = await watched(t, dir)
  const next = await generateSigningKey('ES256', { activatesAt: start + minutes(15), follows: old.kid })

  await mount(dir, '..2026_11_24_12_05_00.2', [old, sealing, next])
  await rm(join(dir, '..2026_11_24_12_00_00.1'), { recursive: true })
  await settle()
  assert.deepEqual(new Set(published()), new Set([old.kid, next.kid]))

  // The names that lead nowhere any more are taken away last.
  await mount(dir, '..2026_11_24_12_06_00.3', [sealing, next])
  await rm(join(dir, '..2026_11_24_12_05_00.2'), { recursive: true })
  await watch.look()
  await unlink(file(dir, old))
  await settle()
  assert.deepEqual(published(), [next.kid])
  assert.equal(ring.signingKey().kid, next.kid)
  assert.deepEqual(said('warning'), [])
})

test('a current key that grows too old is told once a day', async (t) => {
  const { settle, clock, said, signing } = await filled(t)
  await settle()
  assert.deepEqual(said('warning'), [])
  clock.advance(hours(24 * 89) + 1)
  for (let count = 0; count < 3; count += 1) await settle()
  assert.equal(said('warning').length, 2)
  assert.match(said('warning')[0] ?? '', new RegExp(`signing key ${signing.kid} is in use since 90 days.*keys rotate`))
  clock.advance(hours(23))
  await settle()
  assert.equal(said('warning').length, 2)
  clock.advance(hours(1))
  await settle()
  assert.equal(said('warning').length, 4)
})

test('a current key that grows too old within a day of a look is told at the next', async (t) => {
  const { settle, clock, said } = await filled(t)
  clock.advance(hours(24 * 89) - 1)
  await settle()
  assert.deepEqual(said('warning'), [])
  clock.advance(2)
  await settle()
  assert.equal(said('warning').length, 2)
})

test('it looks by itself, and not any more once it is closed', async (t) => {
  const { dir, signing, watch, published } = await filled(t)
  const next = await generateSigningKey('ES256', { activatesAt: start + minutes(15) })
  await writeKeyFile(dir, next)
  while (published().length < 2) await new Promise((resolve) => setTimeout(resolve, 50))
  watch.close()
  await unlink(file(dir, next))
  await watch.look()
  await watch.look()
  assert.deepEqual(new Set(published()), new Set([signing.kid, next.kid]))
})
