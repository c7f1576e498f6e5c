import { parseArgs } from 'node:util'
import type { FrontProxy } from '../config/config.ts'
import { configOption, helpText } from './command.ts'
import { readConfig } from './config.ts'
import { CommandFault, exits, type Exit } from './faults.ts'
import { caddy } from './snippets/caddy.ts'
import { envoyGateway } from './snippets/envoy-gateway.ts'
import { envoy } from './snippets/envoy.ts'
import { snippetFacts, type SnippetFacts } from './snippets/facts.ts'
import { haproxy, haproxyLua } from './snippets/haproxy.ts'
import { ingressNginx } from './snippets/ingress-nginx.ts'
import { kubernetes } from './snippets/kubernetes.ts'
import { nginx } from './snippets/nginx.ts'
import { traefik } from './snippets/traefik.ts'

const options = {
  config: { type: 'string' },
  lua: { type: 'boolean', default: false },
  for: { type: 'string' },
} as const

const snippets: Readonly<Record<string, (facts: SnippetFacts) => string>> = {
  nginx,
  traefik,
  caddy,
  haproxy,
  envoy,
  kubernetes,
}

/** Of `--for`: who carries the objects of Kubernetes out. */
const controllers: typeof snippets = {
  traefik: kubernetes,
  'ingress-nginx': ingressNginx,
  'envoy-gateway': envoyGateway,
}

/** Which proxy does the asking. */
const proxies: Readonly<Record<string, FrontProxy>> = {
  nginx: 'nginx',
  traefik: 'traefik',
  caddy: 'caddy',
  haproxy: 'haproxy',
  envoy: 'envoy',
  'ingress-nginx': 'nginx',
  'envoy-gateway': 'envoy',
}

export const help = helpText({
  purpose: 'postern snippet: the configuration of a proxy that asks this gateway about each request',
  usage: [
    'postern snippet nginx|traefik|caddy|haproxy|envoy|kubernetes [--config FILE]',
    'postern snippet haproxy --lua',
    'postern snippet kubernetes --for traefik|envoy-gateway|ingress-nginx',
  ],
  about: `
Printed for a person to read and put in place; it removes what a client may have sent under our names first.
The configuration needs forwardAuth and trustedProxies for the proxy to be answered; what is missing is said on stderr.`,
  options: [
    ['--lua', 'with haproxy: the other one of its two files'],
    ['--for NAME', 'with kubernetes: traefik (default), envoy-gateway or ingress-nginx'],
    configOption,
  ],
  example: ['postern snippet nginx > /etc/nginx/snippets/postern.conf'],
})

/** `postern snippet PROXY`: what makes that proxy ask this gateway, to be put into its configuration. */
export async function run(args: string[]): Promise<Exit> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const [name = '', ...rest] = positionals
  const { for: controller = 'traefik' } = values
  const [known, asked] = name === 'kubernetes' ? [controllers, controller] : [snippets, name]
  const write = Object.hasOwn(known, asked) ? known[asked] : undefined
  const astray = (values.lua && name !== 'haproxy') || (values.for !== undefined && name !== 'kubernetes')
  if (write === undefined || rest.length > 0 || astray) {
    throw new CommandFault(
      `Usage: postern snippet ${Object.keys(snippets).join('|')}, postern snippet haproxy --lua, or postern snippet kubernetes --for ${Object.keys(controllers).join('|')}`,
      exits.usage,
    )
  }
  const config = await readConfig(values.config)
  const facts = snippetFacts(config)
  const odd = facts.copied.filter((header) => !/^[A-Za-z0-9-]+$/.test(header))
  if (odd.length > 0) {
    // Nobody could tell such a header from a client's, once an application has folded both into one variable.
    throw new CommandFault(
      `${odd.join(', ')}: behind a front proxy, names of headers for backends have letters, digits and dashes only.`,
    )
  }
  if (config.trustedProxies.length === 0) {
    process.stderr.write(
      'warning: trustedProxies is empty, so the gateway answers no proxy; add the address that this one asks from\n',
    )
  }
  const proxy = proxies[asked]
  if (proxy !== undefined && !config.forwardAuth.includes(proxy)) {
    process.stderr.write(
      `warning: forwardAuth does not name ${proxy}, so there is nothing to ask; say forwardAuth: [${proxy}]\n`,
    )
  }
  process.stdout.write(values.lua ? haproxyLua(facts) : write(facts))
  return exits.good
}
