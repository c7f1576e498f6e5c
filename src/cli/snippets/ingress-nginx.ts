import { stringify } from 'yaml'
import { commented, type SnippetFacts } from './facts.ts'

const namespace = 'default'
const annotation = (name: string) => `nginx.ingress.kubernetes.io/${name}`

/** What the controller sets itself, in place of the client's. */
const made = new Set(['X-Forwarded-Port', 'X-Real-IP'])

/** Objects for the retired ingress-nginx, without its snippet annotations: its administrators refuse those by default. */
export function ingressNginx(facts: SnippetFacts): string {
  const { publicUrl, hosts, prefix, gateway, copied, cleared, wellKnown } = facts
  const secure = publicUrl.protocol === 'https:'
  const port = Number(gateway.slice(gateway.lastIndexOf(':') + 1))
  const buffers = { [annotation('proxy-buffer-size')]: '16k', [annotation('proxy-buffers-number')]: '8' }
  const path = (at: string, pathType: 'Prefix' | 'Exact', name: string, number: number) => ({
    path: at,
    pathType,
    backend: { service: { name, port: { number } } },
  })
  const ingress = (name: string, annotations: object, paths: readonly object[]) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace, annotations },
    spec: {
      ingressClassName: 'nginx',
      ...(secure ? { tls: [{ secretName: publicUrl.hostname, hosts: [...hosts] }] } : {}),
      rules: hosts.map((host) => ({ host, http: { paths } })),
    },
  })
  const objects = [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'postern-clear', namespace },
      data: Object.fromEntries(cleared.filter((name) => !made.has(name)).map((name) => [name, ''])),
    },
    ingress('postern', buffers, [
      path(prefix, 'Prefix', 'postern', port),
      ...wellKnown.map((at) => path(at, 'Exact', 'postern', port)),
    ]),
    // What only the controller asks. From outside, its answers would tell what is for the application alone.
    ingress('postern-verify', { [annotation('denylist-source-range')]: '0.0.0.0/0,::/0' }, [
      path(`${prefix}/verify`, 'Prefix', 'postern', port),
    ]),
    ingress(
      'app',
      {
        [annotation('auth-url')]: `http://postern.${namespace}.svc.cluster.local:${port}${prefix}/verify/nginx`,
        [annotation('auth-response-headers')]: copied.join(','),
        [annotation('auth-always-set-cookie')]: 'true',
        [annotation('auth-signin')]: `${publicUrl.origin}${prefix}/login?return_to=$escaped_request_uri`,
        [annotation('auth-signin-redirect-param')]: 'return_to',
        ...buffers,
      },
      [path('/', 'Prefix', 'app', 80)],
    ),
  ]
  const head = [
    'Postern behind ingress-nginx, by auth-url. Written from the template of its last release, 1.15.1; not run in a cluster. ingress-nginx has been retired since March 2026 and gets no more fixes: move to a Gateway.',
    `Replace \`${namespace}\`, the namespace${secure ? ', the secret with the certificate' : ''} and the service \`app\`, which is your application. \`postern\` is the service of the gateway.`,
    `The gateway must say forwardAuth: [nginx], and name the addresses of the controller's pods in trustedProxies. A NetworkPolicy must keep everything but the controller from your application, or what it is told of people can be made up. The controller's own ConfigMap must say proxy-set-headers: ${namespace}/postern-clear, which deletes what a client says of itself, for every Ingress of that controller.`,
    'What cannot be said without snippet annotations: everybody who is not signed in is redirected, programs too; refusals have the words of nginx; and of a session in two cookies the second is not renewed, so a large upstream token needs another proxy.',
    'Routes that name hosts are for another proxy as well: the controller finds the site by the request line where that has an address, and tells the gateway the Host header.',
  ]
  return `${commented(head)}${objects.map((one) => stringify(one, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n')}`
}
