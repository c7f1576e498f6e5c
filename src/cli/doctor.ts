import { parseArgs } from 'node:util'
import type { Config } from '../config/config.ts'
import { parseDuration } from '../config/duration.ts'
import { readKeyFolder } from '../keys/folder.ts'
import { keyRetention } from '../keys/retention.ts'
import { createKeyRing, unusable } from '../keys/ring.ts'
import { systemClock } from '../base/clock.ts'
import { configOption, helpText } from './command.ts'
import { configFaults, readConfigWithWarnings } from './config.ts'
import { codeOf, within } from './doctor/connect.ts'
import { cookieSizeFindings } from './doctor/cookie-size.ts'
import { findingsAbout, type Finding } from './doctor/finding.ts'
import { keyFindings, limitFindings, processFindings, revocationFindings } from './doctor/machine.ts'
import { publicUrlFindings } from './doctor/public-url.ts'
import { redisFindings } from './doctor/redis.ts'
import { backendFindings, upstreamFindings } from './doctor/upstreams.ts'
import { CommandFault, exits, type Exit } from './faults.ts'
import { printable, say, sayJson, toned } from './terminal.ts'

export const help = helpText({
  purpose: 'postern doctor: asks everything around the gateway whether it is as the configuration says',
  usage: ['postern doctor [--timeout 5s] [--config FILE] [--json]'],
  about: `
Asks each upstream and backend (DNS, TCP, TLS and its certificate, HTTP, the check call, OIDC discovery), compares
clocks, opens the public URL as a browser would and looks at what comes back (our keys, redirects, cookies), and
looks at keys, revocations, Redis, cookie sizes and the limits of this machine. Each line is ok, warn or fault, and
the last two say what to try next. Nothing is changed anywhere; an upstream is shown a token that nobody gave out,
and the gateway has a refusal of this more in its log and its metrics.`,
  options: [
    ['--timeout 5s', 'for each step; the whole is over after twelve of them at most'],
    ['--json', 'for a program to read'],
    configOption,
  ],
  example: ['postern doctor --config /etc/postern/postern.yaml'],
  exits: '0 no fault, 1 a fault was found, 2 bad usage or a missing file.',
})

const options = { config: { type: 'string' }, json: { type: 'boolean' }, timeout: { type: 'string' } } as const

/** Steps that one thing may take after each other. */
const steps = 12

/** `postern doctor`: what the configuration alone cannot tell. */
export async function run(args: string[]): Promise<Exit> {
  const { values } = parseArgs({ args, options })
  const timeout = parseDuration(values.timeout ?? '5s')
  if (timeout < 100 || timeout > 60_000)
    throw new CommandFault('--timeout must be a duration from 100ms to 1m, such as 5s.', exits.usage)
  const findings =
    values.json === true ? await lookedAtAnyhow(values.config, timeout) : await lookedAt(values.config, timeout)
  const good = findings.every(({ verdict }) => verdict !== 'fault')
  if (values.json === true) sayJson({ good, findings })
  else print(findings)
  return good ? exits.good : exits.faults
}

async function lookedAt(file: string | undefined, timeout: number): Promise<readonly Finding[]> {
  const { config, warnings } = await readConfigWithWarnings(file)
  return [...configFindings(config, warnings), ...(await examined(config, timeout))]
}

/** A configuration with faults is an answer too, where a program asks. */
async function lookedAtAnyhow(file: string | undefined, timeout: number): Promise<readonly Finding[]> {
  try {
    return await lookedAt(file, timeout)
  } catch (error) {
    const faults = configFaults(error)
    if (faults === undefined) throw error
    const { fault } = findingsAbout('configuration')
    return faults.map((line) => fault(line, 'put it right; read: postern check'))
  }
}

function configFindings({ insecure }: Config, warnings: readonly string[]): readonly Finding[] {
  const { ok, warn } = findingsAbout('configuration')
  return [
    ...insecure.map((name) => warn(`${name} is on`, 'this is not safe on a network; take it out')),
    warnings.length === 0
      ? ok('has no fault and no warning')
      : warn(
          `has no fault, and ${warnings.length} ${warnings.length === 1 ? 'warning' : 'warnings'}`,
          'read: postern check',
        ),
  ]
}

/** All at once, each bounded, in the order of this list. */
async function examined(config: Config, timeout: number): Promise<readonly Finding[]> {
  const { keys } = await readKeyFolder(config.keys.dir)
  const usable = unusable(keys) === undefined
  const kids = usable
    ? createKeyRing(keys, keyRetention(config), systemClock)
        .published()
        .map(({ kid }) => kid)
    : []
  const looks: readonly (readonly [string, () => Promise<readonly Finding[]>])[] = [
    ['keys', () => keyFindings(config)],
    ['revocations', () => revocationFindings(config)],
    ...[...config.upstreams.values()].map(
      (upstream) => [`upstream ${upstream.key}`, () => upstreamFindings(upstream, timeout)] as const,
    ),
    ['backends', () => backendFindings(config, timeout)],
    ['redis', () => redisFindings(config, timeout)],
    ['gateway', () => processFindings(config, timeout)],
    ['public url', () => publicUrlFindings(config, new Set(kids), timeout)],
    ['cookie size', async () => (usable ? cookieSizeFindings(config, keys) : [])],
    ['open files', limitFindings],
  ]
  const found = await Promise.all(
    looks.map(async ([about, look]) => {
      try {
        return await within(look(), timeout * steps)
      } catch (error) {
        return [
          findingsAbout(about).fault(
            `could not be looked at to the end (${codeOf(error)})`,
            'try again with a longer --timeout; if it stays, this is a fault of postern doctor',
          ),
        ]
      }
    }),
  )
  return found.flat().map((finding) => ({
    ...finding,
    says: printable(finding.says),
    next: finding.next === undefined ? undefined : printable(finding.next),
  }))
}

const tones = { ok: 'good', warn: 'warning', fault: 'fault' } as const

function print(findings: readonly Finding[]): void {
  const width = Math.max(...findings.map(({ about }) => about.length))
  for (const { about, verdict, says, next } of findings) {
    say(`${toned(tones[verdict], verdict.padEnd(5))}  ${about.padEnd(width)}  ${says}`)
    if (next !== undefined) say(`${' '.repeat(width + 9)}next: ${next}`)
  }
  const count = (verdict: Finding['verdict']) => findings.filter((one) => one.verdict === verdict).length
  say(`${count('ok')} ok, ${count('warn')} warn, ${count('fault')} fault`)
}
