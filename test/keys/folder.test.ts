import assert from 'node:assert/strict'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { PosternError } from '../../src/base/errors.ts'
import { keyFileName, loadKeyFolder, readKeyFolder, removeKeyFile, writeKeyFile } from '../../src/keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'

const activatesAt = Date.parse('2026-11-01T00:00:00Z')

async function folder(t: TestContext, demo = false) {
  const dir = await mkdtemp(join(tmpdir(), 'postern-keys-'))
  t.after(() => rm(dir, { recursive: true }))
  const signing = await writeKeyFile(dir, await generateSigningKey('ES256', { activatesAt, demo }))
  const sealing = await writeKeyFile(dir, generateSealingKey({ activatesAt, demo }))
  return { dir, signing, sealing }
}

function keysUnusable(pattern: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof PosternError)
    assert.equal(error.code, 'POSTERN_KEYS_UNUSABLE')
    assert.match(error.message, pattern)
    return true
  }
}

for (const alg of ['ES256', 'EdDSA', 'ES384', 'PS256', 'RS256'] as const) {
  test(`a generated ${alg} key is read back`, async (t) => {
    const { dir } = await folder(t)
    await writeKeyFile(dir, await generateSigningKey(alg, { activatesAt }))
    const keys = await loadKeyFolder(dir)
    assert.equal(keys.length, 3)
    assert.ok(keys.some((key) => key.kind === 'signing' && key.alg === alg))
  })
}

test('KR-06 files are written for their owner alone', async (t) => {
  const { signing } = await folder(t)
  assert.equal((await stat(signing)).mode & 0o777, 0o600)
})

test('KR-06 an empty folder is refused with the command that fills it', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'postern-keys-'))
  t.after(() => rm(dir, { recursive: true }))
  await assert.rejects(
    loadKeyFolder(dir),
    keysUnusable(/there is no signing key; make them with: postern keys generate/),
  )
})

for (const mode of [0o604, 0o602, 0o620, 0o640]) {
  test(`KR-06 a key file with mode ${mode.toString(8)} is refused`, async (t) => {
    const { dir, signing } = await folder(t)
    await chmod(signing, mode)
    await assert.rejects(loadKeyFolder(dir), keysUnusable(/chmod 600/))
  })
}

test('KR-06 a world-writable folder is refused', async (t) => {
  const { dir } = await folder(t)
  await chmod(dir, 0o777)
  await assert.rejects(loadKeyFolder(dir), keysUnusable(/others may write/))
})

test('KR-06 a key made by the demo is refused, unless the demo asks', async (t) => {
  const { dir } = await folder(t, true)
  await assert.rejects(loadKeyFolder(dir), keysUnusable(/made by the demo/))
  assert.equal((await loadKeyFolder(dir, { allowDemo: true })).length, 2)
})

test('KR-06 RSA below 3072 bits is refused', async (t) => {
  const { dir } = await folder(t)
  const { generateKeyPair, exportJWK } = await import('jose')
  const { privateKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true })
  const jwk = {
    ...(await exportJWK(privateKey)),
    kid: 'small',
    alg: 'RS256',
    use: 'sig',
    activatesAt: '2026-11-01T00:00:00Z',
  }
  await writeFile(join(dir, 'small.jwk.json'), JSON.stringify(jwk), { mode: 0o600 })
  await assert.rejects(loadKeyFolder(dir), keysUnusable(/small\.jwk\.json: is RSA below 3072 bits/))
})

test('every fault is told at once, and none shows key material', async (t) => {
  const { dir, signing, sealing } = await folder(t)
  const jwk: unknown = JSON.parse(await readFile(signing, 'utf8'))
  assert.ok(typeof jwk === 'object' && jwk !== null && 'd' in jwk && typeof jwk.d === 'string')
  await writeFile(signing, JSON.stringify({ ...jwk, alg: 'none' }))
  await rename(sealing, join(dirname(sealing), 'other.jwk.json'))
  await writeFile(join(dir, 'junk.jwk.json'), '{', { mode: 0o600 })
  const { faults, keys } = await readKeyFolder(dir)
  assert.equal(faults.length, 3)
  assert.equal(keys.length, 0)
  assert.ok(!faults.join('').includes(jwk.d))
})

test('a key file is named by its key, and what is named otherwise is none', async (t) => {
  const { dir, signing } = await folder(t)
  const [, kid] = /^(.*)\.jwk\.json$/.exec(basename(signing)) ?? []
  const { keys, names } = await readKeyFolder(dir)
  assert.ok(keys.some((key) => key.kid === kid))
  for (const name of ['README', '.half.jwk.json', '.half.tmp', 'old.jwk.json.bak', 'other.jwk'])
    await writeFile(join(dir, name), '{', { mode: 0o600 })
  const again = await readKeyFolder(dir)
  assert.deepEqual([again.faults, again.names, again.keys.length], [[], names, 2])
})

test('KR-06 each fault of a file is told by its own words', async (t) => {
  const { dir, signing, sealing } = await folder(t)
  const write = (name: string, text: string) => writeFile(join(dir, `${name}.jwk.json`), text, { mode: 0o600 })
  await mkdir(join(dir, 'folder.jwk.json'))
  await symlink('gone', join(dir, 'nothing.jwk.json'))
  await write('large', ' '.repeat(65_537))
  await write('small', ' '.repeat(65_536))
  const other = basename(sealing).replace('.jwk.json', '')
  await rename(sealing, join(dir, 'moved.jwk.json'))
  await chmod(signing, 0o620)
  const name = basename(signing)
  assert.deepEqual(
    new Set((await readKeyFolder(dir)).faults),
    new Set([
      'folder.jwk.json: is not a file',
      'nothing.jwk.json: cannot be read',
      'large.jwk.json: is larger than any key',
      'small.jwk.json: is not a JSON object',
      `moved.jwk.json: holds the kid ${other}; the name must be ${other}.jwk.json`,
      `${name}: may be written by its group; run: chmod 600 ${name}`,
    ]),
  )
})

test('KR-06 a folder that cannot be read, or that anyone may write to, gives no key, and says why', async (t) => {
  const { dir } = await folder(t)
  const good = await readKeyFolder(dir)
  await chmod(dir, 0o777)
  const open = await readKeyFolder(dir)
  const fault = `${dir}: others may write to this folder; run: chmod go-w ${dir}, or mount it read-only`
  assert.deepEqual([open.keys, open.faults, open.names], [[], [fault], good.names])
  await writeFile(join(dir, 'another.jwk.json'), '{')
  assert.equal(new Set([good.state, open.state, (await readKeyFolder(dir)).state]).size, 3)
  const away = join(dir, 'away')
  const missing = await readKeyFolder(away)
  const make = `${away}: this folder cannot be read; make it and its keys with: postern keys generate --dir ${away}`
  assert.deepEqual([missing.keys, missing.faults, missing.names], [[], [make], undefined])
})

test('KR-06 a folder that its group may write to is no folder for keys: whoever writes there makes them', async (t) => {
  const { dir } = await folder(t)
  await chmod(dir, 0o770)
  const { keys, faults } = await readKeyFolder(dir)
  assert.deepEqual(
    [keys, faults],
    [[], [`${dir}: others may write to this folder; run: chmod go-w ${dir}, or mount it read-only`]],
  )
})

test('a key file that cannot be put in its place leaves nothing behind', async (t) => {
  const { dir } = await folder(t)
  const jwk = generateSealingKey({ activatesAt })
  await mkdir(join(dir, keyFileName(jwk.kid), 'in the way'), { recursive: true })
  await assert.rejects(writeKeyFile(dir, jwk))
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.endsWith('.tmp')),
    [],
  )
})

test('KR-04 a key file is taken away for good, and one that is gone already is no fault', async (t) => {
  const { dir, signing } = await folder(t)
  const [kid = ''] = basename(signing).split('.')
  for (let count = 0; count < 2; count += 1) assert.equal(await removeKeyFile(dir, kid), signing)
  assert.deepEqual(
    (await readKeyFolder(dir)).keys.map(({ kind }) => kind),
    ['sealing'],
  )
})

const skip = process.getuid?.() === 0 ? false : 'only root can give a folder to somebody else'

test('KR-06 a key file that root makes belongs to whom the folder belongs to', { skip }, async (t) => {
  const { dir, signing } = await folder(t)
  assert.equal((await stat(signing)).uid, 0)
  await chown(dir, 65_533, 65_532)
  const { uid, gid, mode } = await stat(await writeKeyFile(dir, generateSealingKey({ activatesAt })))
  assert.deepEqual([uid, gid, mode & 0o777], [65_533, 65_532, 0o600])
})
