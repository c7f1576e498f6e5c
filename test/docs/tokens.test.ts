import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { after, before, test } from 'node:test'
import { setCookieBudget, cookieHeaderBudget } from '../../src/life/cookie-budget.ts'
import { registeredNames } from '../../src/base/claim-names.ts'
import { tokenKinds } from '../../src/token/claims.ts'
import { maximumTokenLength } from '../../src/token/verify.ts'
import { systemClock } from '../../src/base/clock.ts'
import { bearerToken, BrowserClient } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { exampleFolder } from './example-folder.ts'
import { codeBlocks, named, readText, tableRows } from './markdown.ts'

const page = readText('docs/tokens.md')
const folder = exampleFolder()
let gateway: Gateway

before(async () => {
  // A verifier elsewhere has the real time.
  gateway = await startGateway({ clock: Object.assign(() => systemClock(), { advance: () => undefined }) })
})
after(async () => {
  await gateway.close()
  rmSync(folder, { recursive: true, force: true })
})

test('the example verifies an access token, and nothing else', async () => {
  const example = codeBlocks(page).find(({ text }) => text.includes('createRemoteJWKSet'))
  assert.ok(example)
  const file = join(folder, 'verify.ts')
  writeFileSync(file, example.text.replaceAll('https://app.example.com', gateway.origin))
  const { verifyAccessToken } = (await import(pathToFileURL(file).href)) as {
    verifyAccessToken(token: string): Promise<{ subject: string; claims: Record<string, unknown> }>
  }

  const token = await bearerToken(gateway.origin)
  const { subject, claims } = await verifyAccessToken(token)
  assert.deepEqual([subject, claims['name']], ['accounts|1', 'John Doe'])

  const browser = new BrowserClient(gateway.origin)
  await browser.signIn()
  const session = browser.cookies.get('postern') ?? ''
  await assert.rejects(verifyAccessToken(session), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' })
  await assert.rejects(verifyAccessToken(`${token.slice(0, -5)}AAAAA`), {
    code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
  })
  const [header, , signature] = token.split('.')
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'accounts|2' })).toString('base64url')
  await assert.rejects(verifyAccessToken(`${header}.${forged}.${signature}`), {
    code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
  })
})

test('the page names every claim that is ours', () => {
  const rows = tableRows(page, 'Header and claims').flatMap(([names]) => named(names ?? ''))
  assert.deepEqual(rows.toSorted(), [...registeredNames].toSorted())
})

test('the page says the types and the bounds of the code', () => {
  for (const { typ } of Object.values(tokenKinds)) assert.ok(page.includes(`\`${typ}\``))
  const bounds = tableRows(page, 'The cookie budget').map(([, bytes]) =>
    Number.parseInt((bytes ?? '').replace(',', ''), 10),
  )
  assert.deepEqual(bounds, [setCookieBudget, cookieHeaderBudget, maximumTokenLength])
})
