import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { parseOptions } from '../../src/config/load.ts'
import { bearerToken, BrowserClient, send } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startGateway } from '../support/gateway.ts'
import { serviceOptions } from '../support/service.ts'
import { readText } from './markdown.ts'

const section =
  /## Sessions: how many, and who may end them \(LO-07\)\n([^]*?)\n## /.exec(readText('SECURITY.md'))?.[1] ?? ''

test('LO-07 SECURITY.md says what holds for several sessions of one person, and how an administrator ends them', () => {
  for (const part of [
    'Concurrent sessions',
    'Limits',
    'Ending by the person',
    'Ending by an administrator',
    'Signing in again',
  ])
    assert.match(section, new RegExp(`^- \\*\\*${part}\\b`, 'm'))
  for (const option of ['--subject', '--session', '--all']) assert.ok(section.includes(option), option)
})

test('LO-07 the limits that it names are the defaults', () => {
  const { session } = parseOptions({
    publicUrl: 'https://app.example.com',
    upstreams: { accounts: serviceOptions('https://accounts.example.com') },
  })
  const idle = Number(/(\d+) minutes idle/.exec(section)?.[1])
  const absolute = Number(/(\d+) hours in all/.exec(section)?.[1])
  assert.deepEqual([minutes(idle), minutes(60 * absolute)], [session.idleTimeout, session.absoluteTimeout])
})

test('LO-07 it is so: sessions of a person live side by side, one sign-out ends one, a revoked subject ends all', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-'))
  const file = join(folder, 'revocations.yaml')
  await writeFile(file, '')
  const gateway = await startGateway({ options: () => ({ revocations: { file } }) })
  t.after(async () => {
    await gateway.close()
    await rm(folder, { recursive: true })
  })
  const [laptop, phone, other] = [0, 1, 2].map(() => new BrowserClient(gateway.origin))
  assert.ok(laptop && phone && other)
  await laptop.signIn('john')
  await phone.signIn('john')
  await other.signIn('ada')
  const bearer = { authorization: `Bearer ${await bearerToken(gateway.origin, 'john')}` }
  const program = () => send(`${gateway.origin}/protected`, 'GET', bearer)
  assert.equal((await laptop.send('/protected')).status, 200)
  await laptop.signOut()
  assert.equal((await laptop.send('/protected')).status, 303)
  assert.equal((await phone.send('/protected')).status, 200)
  assert.equal((await program()).status, 200)

  // The same browser again: one session, and the one before is over.
  const before = { ...phone.cookieHeader() }
  await phone.signIn('john')
  assert.equal((await send(`${gateway.origin}/protected`, 'GET', before)).status, 401)

  await writeFile(file, `subjects:\n  accounts|1: ${new Date(gateway.clock() + 1000).toISOString()}\n`)
  let status = 200
  for (let tries = 0; status === 200 && tries < 200; tries += 1) {
    await wait(50)
    status = (await program()).status
  }
  assert.equal(status, 401)
  assert.equal((await phone.send('/protected')).status, 303)
  assert.equal((await other.send('/protected')).status, 200)
})
