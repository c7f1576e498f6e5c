/**
 * Writes values.schema.json of the Helm chart: what the chart takes, and in `config` what postern.yaml takes, so that Helm
 * refuses a name that neither knows.
 */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { OptionsSchema } from '../src/config/options.ts'
import type { SchemaNode } from '../src/config/schema-node.ts'

const file = join(resolve(import.meta.dirname, '..'), 'deploy/helm/postern/values.schema.json')

const text = { type: 'string' }
const word = { type: 'string', minLength: 1 }
const flag = { type: 'boolean' }
const count = { type: 'integer', minimum: 1 }
const seconds = { type: 'integer', minimum: 0, maximum: 3600 }
const port = { type: 'integer', minimum: 1, maximum: 65_535 }
const texts = { type: 'array', items: word }
const labels = { type: 'object', additionalProperties: text }
/** Parts of Kubernetes' own objects, which the cluster checks. */
const object = { type: 'object' }
const objects = { type: 'array', items: object }

/** Nothing but these; each has a default in values.yaml. */
function only(properties: Readonly<Record<string, object>>): object {
  return { type: 'object', additionalProperties: false, properties }
}

/** Go's regular expressions lack a part of ours; what they cannot say is left to Postern itself. */
const foreign = /\(\?|\\u/
const unread = new Set(['title', 'description', 'default', 'errorMessage'])

/** The schema of postern.yaml as Helm can read it, without its texts: the chart is stored in the cluster at each release. */
function forHelm({ properties, patternProperties, pattern, items, anyOf, ...node }: SchemaNode): object {
  const map = Object.entries(patternProperties ?? {})[0]
  return {
    ...Object.fromEntries(Object.entries(node).filter(([name]) => !unread.has(name))),
    ...(properties === undefined ? {} : { properties: each(properties) }),
    ...(map === undefined
      ? {}
      : foreign.test(map[0])
        ? { additionalProperties: forHelm(map[1]) }
        : { patternProperties: { [map[0]]: forHelm(map[1]) }, additionalProperties: false }),
    ...(pattern === undefined || foreign.test(pattern) ? {} : { pattern }),
    ...(items === undefined ? {} : { items: forHelm(items) }),
    ...(anyOf === undefined ? {} : { anyOf: anyOf.map(forHelm) }),
  }
}

function each(nodes: Readonly<Record<string, SchemaNode>>): object {
  return Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, forHelm(node)]))
}

export const valuesSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Values of the Helm chart of Postern',
  ...only({
    image: only({
      repository: word,
      tag: { ...text, not: { const: 'latest' } },
      digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
      pullPolicy: { enum: ['IfNotPresent', 'Always', 'Never'] },
    }),
    imagePullSecrets: objects,
    nameOverride: text,
    fullnameOverride: text,
    config: {
      type: ['object', 'string'],
      if: { type: 'object' },
      // oxlint-disable-next-line unicorn/no-thenable -- a word of JSON Schema.
      then: forHelm(OptionsSchema),
      else: word,
    },
    keys: only({ existingSecret: word }),
    secrets: only({ existingSecret: text }),
    revocations: only({ existingConfigMap: text }),
    replicaCount: count,
    autoscaling: only({
      enabled: flag,
      minReplicas: count,
      maxReplicas: count,
      targetCPUUtilizationPercentage: count,
    }),
    strategy: only({ type: { enum: ['RollingUpdate', 'Recreate'] }, rollingUpdate: object }),
    drain: only({ preStopSeconds: seconds, shutdownSeconds: { ...seconds, minimum: 1 } }),
    resources: object,
    podDisruptionBudget: only({ enabled: flag, maxUnavailable: { type: ['integer', 'string'] } }),
    bindAddress: { enum: ['0.0.0.0', '::'] },
    ports: only({ http: port, admin: port }),
    service: only({ type: { enum: ['ClusterIP', 'NodePort', 'LoadBalancer'] }, port, annotations: labels }),
    networkPolicy: only({
      enabled: flag,
      from: objects,
      adminFrom: objects,
      egress: only({ restrict: flag, httpsTo: objects, rules: objects }),
    }),
    ingress: only({ enabled: flag, className: text, annotations: labels, hosts: texts, tlsSecret: text }),
    httpRoute: only({ enabled: flag, parentRefs: objects, hostnames: texts }),
    podMonitor: only({ enabled: flag, interval: word, labels }),
    serviceAccount: only({ create: flag, name: text, annotations: labels }),
    podAnnotations: labels,
    podLabels: labels,
    priorityClassName: text,
    nodeSelector: labels,
    tolerations: objects,
    affinity: object,
    topologySpreadConstraints: objects,
    extraEnv: objects,
    extraVolumes: objects,
    extraVolumeMounts: objects,
    // Helm's own.
    global: object,
  }),
}

if (import.meta.main) writeFileSync(file, `${JSON.stringify(valuesSchema, undefined, 1)}\n`)
