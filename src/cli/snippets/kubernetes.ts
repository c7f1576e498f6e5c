import { commented, type SnippetFacts } from './facts.ts'
import { aliases, traefikParts, traefikYaml } from './traefik.ts'

const apiVersion = 'traefik.io/v1alpha1'

/** Traefik's objects for Kubernetes: the same contract as its file. */
export function kubernetes(facts: SnippetFacts): string {
  const { prefix, gateway, publicUrl } = facts
  const { secure, everything, ours, clear, forwardAuth } = traefikParts(facts)
  const port = Number(gateway.slice(gateway.lastIndexOf(':') + 1))
  const middleware = (name: string, spec: object) => ({
    apiVersion,
    kind: 'Middleware',
    metadata: { name, namespace: 'default' },
    spec,
  })
  const rule = (match: string, names: readonly string[], name: string, servicePort: number, priority?: number) => ({
    kind: 'Rule',
    match,
    ...(priority === undefined ? {} : { priority }),
    middlewares: names.map((one) => ({ name: one })),
    services: [{ name, port: servicePort }],
  })
  const objects = [
    middleware('postern-clear', { headers: { customRequestHeaders: clear } }),
    middleware('postern', {
      forwardAuth: { address: `http://postern.default.svc:${port}${prefix}/verify/traefik`, ...forwardAuth },
    }),
    {
      apiVersion,
      kind: 'IngressRoute',
      metadata: { name: 'app', namespace: 'default' },
      spec: {
        entryPoints: [secure ? 'websecure' : 'web'],
        routes: [
          rule(ours, ['postern-clear'], 'postern', port, 10_000),
          rule(everything, ['postern-clear', 'postern'], 'app', 80),
        ],
        ...(secure ? { tls: { secretName: publicUrl.hostname } } : {}),
      },
    },
  ]
  const head = [
    'Postern behind Traefik in Kubernetes: the settings of the file that `postern snippet traefik` prints. That one was run with Traefik 3.7.13, these objects were not run in a cluster.',
    `Replace \`default\`, the namespace${secure ? ', the secret with the certificate' : ''} and the service \`app\`, which is your application. \`postern\` is the service of the gateway.`,
    "The gateway must say forwardAuth: [traefik], and name the addresses of Traefik's pods in trustedProxies. A NetworkPolicy must keep everything but Traefik from your application, or what it is told of people can be made up.",
    aliases,
  ]
  return `${commented(head)}${objects.map(traefikYaml).join('---\n')}`
}
