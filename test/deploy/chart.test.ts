import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Check } from 'typebox/schema'
import { parse as parseYaml } from 'yaml'
import { applyEnvironment } from '../../src/config/environment.ts'
import { formatPath } from '../../src/config/faults.ts'
import { isPlainObject } from '../../src/config/json.ts'
import { parse } from '../../src/config/parse.ts'
import { valuesSchema } from '../../scripts/chart-schema.ts'
import { readText, root } from '../docs/markdown.ts'

const chart = 'deploy/helm/postern'
const defaults = readYaml(`${chart}/values.yaml`)
const templates = readdirSync(join(root, chart, 'templates'))
  .map((name) => readText(`${chart}/templates/${name}`))
  .join('\n')
const samples = readdirSync(join(root, chart, 'ci'))

function readYaml(path: string): Record<string, unknown> {
  const value: unknown = parseYaml(readText(path))
  assert.ok(isPlainObject(value))
  return value
}

/** As Helm lays values over defaults. */
function laid(under: unknown, over: unknown): unknown {
  if (over === undefined) return under
  if (!isPlainObject(under) || !isPlainObject(over)) return over
  const names = new Set([...Object.keys(under), ...Object.keys(over)])
  return Object.fromEntries([...names].map((name) => [name, laid(under[name], over[name])]))
}

function fits(over: object): boolean {
  return Check(valuesSchema, laid(defaults, over))
}

/** Every path to a value that is no further map. */
function leaves(value: unknown, path: readonly string[] = []): readonly string[] {
  if (!isPlainObject(value) || Object.keys(value).length === 0) return [path.join('.')]
  return Object.entries(value).flatMap(([name, member]) => leaves(member, [...path, name]))
}

/** postern.yaml of a file of values, as it gets into the ConfigMap. */
function configOf(sample: string): unknown {
  const { config } = readYaml(`${chart}/ci/${sample}`)
  return typeof config === 'string' ? parseYaml(config) : config
}

describe('values of the Helm chart', () => {
  test('what templates ask for is in values.yaml', () => {
    const asked = new Set(
      [...templates.matchAll(/\.Values((?:\.[A-Za-z]+)+)/g)].map((match) => match[1]?.slice(1) ?? ''),
    )
    assert.ok(asked.size > 30)
    const known = (path: string) =>
      path.split('.').reduce<unknown>((at, name) => (isPlainObject(at) ? at[name] : undefined), defaults) !== undefined
    assert.deepEqual(
      [...asked].filter((path) => !known(path)),
      [],
    )
  })

  test('what is in values.yaml is asked for', () => {
    const unasked = leaves(defaults).filter((path) => {
      const [first = '', ...rest] = path.split('.')
      // Within `with .Values.networkPolicy`, and where a part is written as a whole.
      return !templates.includes(`.Values.${path}`) && !templates.includes(`.${rest.join('.')}`) && !whole.has(first)
    })
    assert.deepEqual(unasked, [])
  })

  test('values.schema.json is what npm run docs makes of the options', () => {
    assert.deepEqual(JSON.parse(readText(`${chart}/values.schema.json`)), JSON.parse(JSON.stringify(valuesSchema)))
  })

  test('every value has a schema, and no schema is without its value', () => {
    const schemaLeaves = (node: object, path: readonly string[] = []): readonly string[] =>
      'properties' in node && isPlainObject(node.properties)
        ? Object.entries(node.properties).flatMap(([name, one]) => schemaLeaves(one as object, [...path, name]))
        : [path.join('.')]
    const described = new Set(schemaLeaves(valuesSchema).filter((path) => path !== 'global'))
    const free = (path: string) => [...described].some((one) => path === one || path.startsWith(`${one}.`))
    assert.deepEqual(
      leaves(defaults).filter((path) => !free(path)),
      [],
    )
    const given = leaves(defaults)
    assert.deepEqual(
      [...described].filter((path) => !given.some((one) => one === path || one.startsWith(`${path}.`))),
      [],
    )
  })

  for (const sample of samples) {
    test(`${sample} fits the schema`, () => {
      assert.ok(fits(readYaml(`${chart}/ci/${sample}`)))
    })

    test(`postern.yaml of ${sample}, with the environment of the chart over it, is taken`, () => {
      const names = [...templates.matchAll(/name: (POSTERN_[A-Z_]+), value: /g)].map((match) => match[1] ?? '')
      assert.deepEqual(new Set(names), new Set(Object.keys(environment)))
      const { value, setBy, faults } = applyEnvironment(configOf(sample), {
        env: environment,
        readFile: () => undefined,
      })
      assert.deepEqual(faults, [])
      assert.equal(setBy.size, names.length)
      const result = parse(value, { readFile: () => undefined, env: (name) => `a secret of ${name}` })
      assert.deepEqual(result.ok ? [] : result.faults.map(({ path, message }) => `${formatPath(path)}: ${message}`), [])
      assert.ok(result.ok)
      assert.equal(result.config.listen.adminHost, '0.0.0.0')
      assert.equal(result.config.keys.dir, '/app/keys')
      assert.equal(result.config.workers, 1)
    })
  }

  const config = configOf('minimal-values.yaml') as object
  for (const [what, values] of Object.entries({
    'a name that the chart does not know': { config, replicaCounts: 3 },
    'such a name further down': { config, networkPolicy: { egres: {} } },
    'a name that postern.yaml does not know': { config: { ...config, sesion: { tokenTtl: '5m' } } },
    'such a name in an upstream': {
      config: laid(config, { upstreams: { accounts: { chek: {} } } }),
    },
    'no configuration': {},
    'a configuration without upstreams': { config: { publicUrl: 'https://app.example.com' } },
    'an empty text': { config: '' },
    'no Secret for the keys': { config, keys: { existingSecret: '' } },
    'the tag latest': { config, image: { tag: 'latest' } },
    'a digest that is none': { config, image: { digest: 'latest' } },
  })) {
    test(`the schema refuses ${what}`, () => {
      assert.ok(fits({ config }))
      assert.equal(fits(values), false)
    })
  }
})

test('the chart is of this version', () => {
  const { version } = JSON.parse(readText('package.json')) as { version: string }
  const about = readYaml(`${chart}/Chart.yaml`)
  assert.equal(about['appVersion'], version)
  assert.equal(about['version'], version)
})

test('CF-04 the pod runs as nobody, with nothing to write to, no capability and no token of the cluster, and its keys are there to be read', () => {
  const deployment = readText(`${chart}/templates/deployment.yaml`)
  for (const line of [
    'automountServiceAccountToken: false',
    'runAsNonRoot: true',
    'runAsUser: 65532',
    'allowPrivilegeEscalation: false',
    'readOnlyRootFilesystem: true',
    'drop: [ALL]',
    'type: RuntimeDefault',
    '- { name: keys, mountPath: /app/keys, readOnly: true }',
  ])
    assert.ok(
      deployment.split('\n').some((one) => one.trim() === line),
      line,
    )
})

/** Written into an object of the cluster as they are. */
const whole = new Set(['strategy', 'resources'])

/** What the chart sets, with values as it writes them. */
const environment: Readonly<Record<string, string>> = {
  POSTERN_LISTEN__HOST: '0.0.0.0',
  POSTERN_LISTEN__PORT: '8080',
  POSTERN_LISTEN__ADMIN_HOST: '0.0.0.0',
  POSTERN_LISTEN__ADMIN_PORT: '9080',
  POSTERN_KEYS__DIR: '/app/keys',
  POSTERN_REVOCATIONS__FILE: '/etc/postern/revocations/revocations.yaml',
  POSTERN_WORKERS: '1',
  POSTERN_REPLICAS: '1',
  POSTERN_SHUTDOWN_TIMEOUT: '30s',
}
