import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { PosternError } from '../../src/base/errors.ts'
import { loadKeyFolder, readKeyFolder, writeKeyFile } from '../../src/keys/folder.ts'
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
  await assert.rejects(loadKeyFolder(dir), keysUnusable(/anyone may write/))
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
