import { parseArgs } from 'node:util'
import { frontProxies } from '../config/options.ts'
import type { Config } from '../config/config.ts'
import { wantsWebSocket } from '../http/upgrade.ts'
import { loadKeyFolder } from '../keys/folder.ts'
import { readRevocations } from '../life/revocation-file.ts'
import { configOption, helpText } from './command.ts'
import { readConfig } from './config.ts'
import { explainRequest, type Explanation } from './explain/explanation.ts'
import { printExplanation } from './explain/print.ts'
import type { Asked } from './explain/rehearsal.ts'
import { readTarget, usage } from './explain/request.ts'
import { CommandFault, exits, type Exit } from './faults.ts'
import { readHeaderLines } from './header-lines.ts'
import { reasonWords } from './reason-words.ts'
import { sayJson } from './terminal.ts'

export const help = helpText({
  purpose: 'postern explain: what becomes of a request, and why',
  usage: ['postern explain METHOD URL [--by PROXY] [--config FILE] [--json] < CREDENTIAL'],
  about: `
Which route takes the request and which would have been next, what the credential is worth, what each kind of
client is answered and why, what a backend is told, and whether a renewal is due. The gateway's own handlers answer,
in this process: no upstream and no backend is asked, nothing is renewed, written or counted.
The credential comes on stdin as it stands in a request, one header a line: Cookie: …, or Authorization: …, with its
DPoP: … where there is one; nothing on stdin (< /dev/null) is a request without one. URL is an address, or a path on the
public URL, and is taken as it is written.
ws: or wss:, or a line Upgrade: websocket on stdin, asks about opening a WebSocket there.`,
  options: [
    [
      '--by PROXY',
      `as this proxy asks: ${frontProxies.join(', ')} (default: the first of forwardAuth\nwhere no route has a backend)`,
    ],
    ['--json', 'for a program to read'],
    configOption,
  ],
  example: ['postern explain GET /admin < cookie.txt'],
  exits:
    '0 explained, whatever the answer is; 1 the configuration or the keys have faults; 2 bad usage or a missing file.',
})

const options = {
  config: { type: 'string' },
  json: { type: 'boolean' },
  by: { type: 'string' },
} as const

/** `postern explain METHOD URL`: what the gateway would do, without doing it. */
export async function run(args: string[]): Promise<Exit> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const [method, address, ...rest] = positionals
  if (method === undefined || address === undefined || rest.length > 0) throw new CommandFault(usage, exits.usage)
  const written = readTarget(method, address)
  const config = await readConfig(values.config)
  const asked = askedBy(values.by, config)
  const lines = await readHeaderLines(['upgrade'])
  const credential = lines.filter(({ name }) => name !== 'upgrade')
  const upgrade = lines.find(({ name }) => name === 'upgrade')?.value
  const opensSocket =
    written.opensSocket || (upgrade !== undefined && wantsWebSocket({ method: written.method, headers: { upgrade } }))
  const target = { ...written, opensSocket }
  const keys = await loadKeyFolder(config.keys.dir)
  const { file } = config.revocations
  const revocations = file === undefined ? undefined : await readRevocations(file)
  const explanation = await explainRequest(target, credential, { config, keys, revocations, asked })
  if (values.json === true) sayJson(asJson(explanation))
  else printExplanation(explanation, config)
  return exits.good
}

function askedBy(named: string | undefined, { routes, forwardAuth }: Config): Asked {
  if (named !== undefined) {
    const proxy = frontProxies.find((one) => one === named)
    if (proxy === undefined) throw new CommandFault(`--by must be one of ${frontProxies.join(', ')}.`, exits.usage)
    if (!forwardAuth.includes(proxy))
      throw new CommandFault(`forwardAuth does not name ${proxy}, so it is not answered; say forwardAuth: [${proxy}]`)
    return { by: proxy }
  }
  if (routes.some(({ backend }) => backend !== undefined)) return { by: 'proxy' }
  const [first] = forwardAuth
  return first === undefined ? { by: 'guard' } : { by: first }
}

function asJson({ found, carrier, life, route, next, near, answers, ...rest }: Explanation): object {
  const session = found.state === 'absent' ? undefined : found.session
  const row = ({
    route: { host, path, exact, access, require, methods, backend },
    index,
  }: Explanation['next'][number]) => ({
    index,
    ...(host === undefined ? {} : { host }),
    path,
    exact,
    ...(methods === undefined ? {} : { methods }),
    access,
    require,
    ...(backend === undefined ? {} : { backend }),
  })
  return {
    ...rest,
    route: route === undefined ? null : row(route),
    next: next.map(row),
    near: near.map((one) => ({ ...row(one), but: one.but })),
    credential: {
      carrier,
      state: found.state,
      ...('reason' in found ? { reason: found.reason, why: reasonWords(found.reason) } : {}),
      ...(session === undefined
        ? {}
        : {
            kind: session.kind,
            sub: session.claims.sub,
            sid: session.claims.sid,
            upstream: session.claims.upn,
            kid: session.kid,
            claims: session.claims.profile,
          }),
    },
    ...(life === undefined ? {} : { life }),
    answers: answers.map((answer) => ({
      ...answer,
      ...(answer.reason === undefined ? {} : { why: reasonWords(answer.reason) }),
    })),
  }
}
