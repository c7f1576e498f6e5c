import { parseArgs } from 'node:util'
import { systemClock } from '../base/clock.ts'
import type { Config } from '../config/config.ts'
import type { LoginUpstreamConfig } from '../config/upstream.ts'
import type { UpstreamGrant } from '../token/seal.ts'
import { createLoginUpstream } from '../upstream/login-upstream.ts'
import type { TraceEvent } from '../upstream/trace.ts'
import type { LoginUpstream, SignedIn, SignInOutcome } from '../upstream/upstream.ts'
import { configOption, helpText } from './command.ts'
import { readConfig } from './config.ts'
import { CommandFault, exits, type Exit } from './faults.ts'
import { createFieldReader } from './typed-fields.ts'

const options = { config: { type: 'string' }, logout: { type: 'boolean' } } as const

export const help = helpText({
  purpose: 'postern try-login: signs in at the real service and shows what is found',
  usage: ['postern try-login UPSTREAM [--logout] [--config FILE]'],
  about: `
Runs the calls of the configuration, shows each condition and each value that is looked for, secrets masked, and
says what to change where one is not found. At a terminal it asks for what to type; otherwise stdin holds a
name=value line for each field. Passwords are never arguments.`,
  options: [['--logout', 'signs out again, and tells whether the token still works afterwards'], configOption],
  example: ['printf "username=john\\npassword=secret\\n" | postern try-login accounts --logout'],
  exits: '0 everything was found, 1 something was not, 2 bad usage or a missing file.',
})

/** `postern try-login UPSTREAM [--logout]`: runs the contract against the real service, and shows what it finds. */
export async function run(args: string[]): Promise<Exit> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const [key, ...rest] = positionals
  if (key === undefined || rest.length > 0)
    throw new CommandFault('Usage: postern try-login UPSTREAM [--logout]', exits.usage)
  const upstream = createLoginUpstream(configOf(await readConfig(values.config), key), {
    clock: systemClock,
    trace: say,
  })
  const reader = await createFieldReader()
  try {
    let outcome = await upstream.signIn(await reader.read(upstream.fields))
    while (outcome.kind === 'second_step') {
      line(`a second step is due: ${outcome.fields.map(({ name }) => name).join(', ')}`)
      outcome = await upstream.continueSignIn(outcome.values, await reader.read(outcome.fields))
    }
    if (outcome.kind !== 'signed_in') return explain(outcome)
    line(`signed in as ${upstream.subjectPrefix}|${outcome.subject}; ${lifetime(outcome)}`)
    const checked = await tryCheck(upstream, outcome)
    const newest = await tryRefresh(upstream, outcome)
    if (values.logout === true) return await tryLogout(upstream, newest ?? outcome.grant, outcome.subject)
    return newest === undefined ? exits.faults : checked
  } finally {
    reader.close()
    await upstream.close()
  }
}

function configOf(config: Config, key: string): LoginUpstreamConfig {
  const found = config.upstreams.get(key)
  if (found === undefined)
    throw new CommandFault(
      `There is no upstream ${JSON.stringify(key)}. There is: ${[...config.upstreams.keys()].join(', ')}`,
      exits.usage,
    )
  if (found.kind === 'oidc')
    throw new CommandFault(
      `People sign in to ${JSON.stringify(key)} at the provider itself, in a browser: open ${config.publicUrl}${config.prefix}/oidc/${key}/start`,
      exits.usage,
    )
  return found
}

/** For each failure the next thing to try. */
const advice: Readonly<Record<string, string>> = {
  bad_credentials:
    'If the password is right, look at the request: names of the members, content type, path. An answer that means something else can be told apart in login.refusals.',
  locked: 'The service says that the account is locked. If it is not, a rule in login.refusals matches too much.',
  password_expired: 'The service asks for a new password: set it there.',
  rate_limited: 'The service asks to wait. Nothing was tried twice.',
  upstream_unavailable:
    'Is origin right, and can this machine reach it? An answer that means "wrong password" and has a status of 500 can be told in login.refusals.',
  upstream_slow:
    'The service took longer than timeout. Password hashing may take half a second; if it takes longer than this, raise timeout.',
  upstream_bad:
    'The answer is not what the configuration says: compare status, success and the places above with what the service documents.',
}

function explain(outcome: Exclude<SignInOutcome, { kind: 'signed_in' | 'second_step' }>): Exit {
  const wait = outcome.retryAfter === undefined ? '' : ` (the service asks to wait ${outcome.retryAfter} s)`
  line(`not signed in: ${outcome.as}${wait}`)
  if (outcome.kind === 'failed') line(outcome.detail)
  const next = advice[outcome.as]
  if (next !== undefined) line(`next: ${next}`)
  return exits.faults
}

async function tryCheck(upstream: LoginUpstream, { grant, subject }: SignedIn): Promise<Exit> {
  if (!upstream.canCheck) {
    line(
      `no check call is configured: a session is renewed without asking, until ${upstream.canRefresh ? 'the refresh call is due' : 'session.uncheckedTimeout'}`,
    )
    return exits.good
  }
  const checked = await upstream.check(grant, subject)
  if (checked.kind === 'good') {
    line('the check call says that the token is good')
    return exits.good
  }
  line(checked.kind === 'refused' ? 'the check call refuses a token that was just given' : checked.detail)
  line(
    'next: look at check.request and at how the token is presented (present); every session would end at its first renewal',
  )
  return exits.faults
}

/** The newest grant, or undefined where the refresh call does not do what it should. */
async function tryRefresh(upstream: LoginUpstream, { grant, subject }: SignedIn): Promise<UpstreamGrant | undefined> {
  if (!upstream.canRefresh) return grant
  const outcome = await upstream.refresh(grant, subject)
  if (outcome.kind === 'refreshed') {
    line('the refresh call gives a new token')
    const speaksFor = outcome.subject ?? subject
    if (speaksFor === subject) return outcome.grant
    line(`it speaks for ${speaksFor}: every session would end there`)
  } else {
    line(outcome.kind === 'refused' ? 'the refresh call refuses what was just given' : outcome.detail)
  }
  line('next: look at refresh.request and at the places above; every session would end with its token')
  return undefined
}

/** Whether signing out there ends what a copied cookie holds: only asking with it afterwards tells. */
async function tryLogout(upstream: LoginUpstream, grant: UpstreamGrant, subject: string): Promise<Exit> {
  if (!upstream.canEnd) {
    line('no logout call is configured, so signing out cannot end the token there')
    return exits.faults
  }
  const ended = await upstream.end(grant, subject)
  if (ended.kind === 'failed') {
    line(ended.detail)
    return exits.faults
  }
  if (!upstream.canCheck && !upstream.canRefresh) {
    line('the logout call succeeds; without a check or refresh call nothing tells whether the token still works')
    return exits.faults
  }
  const lives: string[] = []
  for (const after of [
    ...(upstream.canCheck ? [{ what: 'the token', outcome: await upstream.check(grant, subject) }] : []),
    ...(upstream.canRefresh ? [{ what: 'the refresh token', outcome: await upstream.refresh(grant, subject) }] : []),
  ]) {
    if (after.outcome.kind === 'failed') {
      line(after.outcome.detail)
      return exits.faults
    }
    const refused = after.outcome.kind === 'refused'
    line(`after logout ${after.what} ${refused ? 'is refused: it has ended' : 'STILL WORKS'}`)
    if (!refused) lives.push(after.what)
  }
  if (lives.length > 0) line(`a copied cookie can be renewed with ${lives.join(' and ')} until the absolute end`)
  line(`next: set logout.endsToken: ${lives.length === 0}`)
  return lives.length === 0 ? exits.good : exits.faults
}

function lifetime({ grant }: SignedIn): string {
  const refresh = grant.refreshToken === undefined ? 'no refresh token' : 'a refresh token'
  const end =
    grant.expiresAt === undefined
      ? 'the token does not say when it ends'
      : `the token ends ${new Date(grant.expiresAt).toISOString()}`
  return `${end}; ${refresh}`
}

function say(event: TraceEvent): void {
  switch (event.type) {
    case 'call':
      line(
        `${event.call}: ${event.method} ${event.path} → ${event.status ?? event.failed?.as ?? 'no answer'} in ${event.milliseconds} ms`,
      )
      return
    case 'condition': {
      const which = event.what === 'refusal' ? `refusal ${event.index ?? 0} (${event.as ?? ''})` : event.what
      line(
        `  ${which}: ${event.holds ? 'holds' : `does not hold${event.unmet === undefined ? '' : `: ${event.unmet}`}`}`,
      )
      return
    }
    case 'extraction': {
      const what = event.name === undefined ? event.what : `${event.what} ${event.name}`
      if (event.what === 'expiry' && event.where === 'unknown') {
        line('  expiry: not configured')
        return
      }
      const note = event.note === undefined ? '' : `; ${event.note}`
      line(`  ${what} at ${event.where}: ${event.found ? `found ${event.masked ?? ''}` : 'not found'}${note}`)
      return
    }
  }
}

function line(text: string): void {
  process.stdout.write(`${text}\n`)
}
