import { isDeepStrictEqual } from 'node:util'
import { readFileSync } from 'node:fs'
import { systemClock } from '../../src/base/clock.ts'
import { Secret } from '../../src/base/secret.ts'
import { parse } from '../../src/config/parse.ts'
import type { LoginUpstreamConfig } from '../../src/config/upstream.ts'
import { readYaml } from '../../src/config/yaml-file.ts'
import type { UpstreamGrant } from '../../src/token/seal.ts'
import { createLoginUpstream } from '../../src/upstream/login-upstream.ts'
import type { CheckOutcome, Failed, SignInOutcome, Upstream } from '../../src/upstream/upstream.ts'
import type { Expected, Started } from './program.ts'

/** One thing that was tried, what came of it, and what should have. */
export interface Finding {
  readonly tried: string
  readonly seen: string
  readonly expected: string
}

/** Signs in to a program that runs, by its file in `examples/upstreams/` and by nothing else. */
export async function examine(
  name: string,
  { server, user, password, nobody, subject }: Started,
  expected: Expected,
): Promise<readonly Finding[]> {
  const config = configured(name, server.origin)
  const upstream = createLoginUpstream(config, { clock: systemClock })
  const findings: Finding[] = []
  const note = (tried: string, seen: string, should: string) => findings.push({ tried, seen, expected: should })
  const signIn = (who: string, secret: string) => {
    const [first = '', second = ''] = config.fields.map((field) => field.name)
    return upstream.signIn(
      new Map([
        [first, new Secret(who)],
        [second, new Secret(secret)],
      ]),
    )
  }
  try {
    const outcome = await signIn(user, password)
    note('right password', said(outcome), `signed in, ${subject}`)
    note('wrong password', said(await signIn(user, `${password}x`)), 'bad_credentials')
    note('unknown user', said(await signIn(nobody, password)), 'bad_credentials')
    if (outcome.kind === 'signed_in') {
      note('claims', JSON.stringify(outcome.claims), sameAs(outcome.claims, expected.claims))
      note(
        'expires in',
        lifetime(outcome.grant),
        expected.expiresIn === undefined ? 'not told' : `${expected.expiresIn} s`,
      )
      await examineGrant(upstream, outcome.grant, { subject, expected, note })
    }
    if (expected.attempts !== undefined) {
      for (let attempt = 1; attempt < expected.attempts; attempt += 1) await signIn(user, `${password}x`)
      note('too many attempts', said(await signIn(user, password)), 'rate_limited')
    }
    return findings
  } finally {
    await upstream.close()
  }
}

interface Examined {
  readonly subject: string
  readonly expected: Expected
  note(tried: string, seen: string, should: string): void
}

async function examineGrant(
  upstream: Upstream,
  first: UpstreamGrant,
  { subject, expected, note }: Examined,
): Promise<void> {
  const check = async (grant: UpstreamGrant) => checked(await upstream.check(grant, subject))
  note('check', await check(first), `good, ${subject}`)
  note('check of a bad token', await check({ ...first, token: new Secret('not-a-token') }), 'refused')
  const grant = upstream.canRefresh ? await refreshed(upstream, first, { subject, expected, note }) : first
  if (!upstream.canRefresh) note('refresh', 'none', expected.refreshes ? 'refreshed' : 'none')
  if (!upstream.canEnd) {
    note('logout', 'none', expected.logout)
    return
  }
  const ended = await upstream.end(grant, subject)
  note('logout', ended.kind === 'failed' ? fault(ended) : `${ended.kind}`, 'ended')
  note('check after logout', await check(grant), expected.logout === 'ends the token' ? 'refused' : `good, ${subject}`)
  const again = await upstream.end(grant, subject)
  note('logout once more', again.kind === 'failed' ? fault(again) : again.kind, 'ended')
}

async function refreshed(
  upstream: Upstream,
  grant: UpstreamGrant,
  { subject, expected, note }: Examined,
): Promise<UpstreamGrant> {
  const outcome = await upstream.refresh(grant, subject)
  note('refresh', outcome.kind === 'failed' ? fault(outcome) : outcome.kind, expected.refreshes ? 'refreshed' : 'none')
  if (outcome.kind !== 'refreshed') return grant
  note('check after refresh', checked(await upstream.check(outcome.grant, subject)), `good, ${subject}`)
  return outcome.grant
}

/** @throws Error with every fault of the file */
function configured(name: string, origin: string): LoginUpstreamConfig {
  const file = new URL(`../../examples/upstreams/${name}.yaml`, import.meta.url)
  const yaml = readYaml(readFileSync(file, 'utf8'))
  if (!yaml.ok) throw new Error(`${name}.yaml: ${yaml.faults.map(({ message }) => message).join('; ')}`)
  const { upstreams } = yaml.value as { readonly upstreams: Readonly<Record<string, object>> }
  const options = { publicUrl: 'http://localhost:8080', upstreams: { [name]: { ...upstreams[name], origin } } }
  const result = parse(options, { readFile: () => undefined, env: () => undefined })
  if (!result.ok) throw new Error(`${name}.yaml: ${result.faults.map(({ message }) => message).join('; ')}`)
  const config = result.config.upstreams.get(name)
  if (config?.kind !== 'login') throw new Error(`${name}.yaml: has no upstream of that name`)
  return config
}

function said(outcome: SignInOutcome): string {
  switch (outcome.kind) {
    case 'signed_in':
      return `signed in, ${outcome.subject}`
    case 'refused':
      return outcome.as
    case 'second_step':
      return outcome.kind
    case 'failed':
      return fault(outcome)
  }
}

function checked(outcome: CheckOutcome): string {
  if (outcome.kind === 'failed') return fault(outcome)
  return outcome.kind === 'good' ? `good, ${outcome.subject ?? 'nobody'}` : outcome.kind
}

const fault = ({ as, detail }: Failed): string => `${as}: ${detail}`

/** The text of what was seen where both are equal, whatever the order of their members. */
const sameAs = (seen: unknown, expected: unknown): string =>
  JSON.stringify(isDeepStrictEqual(JSON.parse(JSON.stringify(seen)), expected) ? seen : expected)

/** To ten seconds: the program's clock started a moment before ours. */
const lifetime = ({ expiresAt }: UpstreamGrant): string =>
  expiresAt === undefined ? 'not told' : `${Math.round((expiresAt - Date.now()) / 10_000) * 10} s`
