import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parse as parseYaml, stringify } from 'yaml'
import { readText, root, tableRows } from '../docs/markdown.ts'
import { freePort, startGateway } from '../support/gateway.ts'
import { metricsOf, promtool, promtoolMissing, type Metrics } from '../support/metrics.ts'
import { BrowserClient } from '../support/browser-client.ts'

/* The rules, the dashboard and the document, held to what a gateway tells. */

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly runbook: string }
}
interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[]
}

const folder = 'deploy/observability'
const operations = readText('docs/operations.md')
const alerts = (
  parseYaml(readText(`${folder}/alerts.yaml`)) as { groups: readonly { rules: readonly Rule[] }[] }
).groups.flatMap(({ rules }) => rules)
const dashboard = JSON.parse(readText(`${folder}/dashboard.json`)) as {
  readonly uid: string
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] }
}
const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

let live: Metrics
before(async () => {
  const adminPort = await freePort()
  const gateway = await startGateway({
    face: 'server',
    options: (origin) => ({
      listen: { host: '127.0.0.1', port: Number(new URL(origin).port), adminPort },
    }),
  })
  await new BrowserClient(gateway.origin).signIn()
  live = await metricsOf(`http://127.0.0.1:${adminPort}`)
  await gateway.close()
})

/** Names of metrics in an expression. */
function namesIn(expression: string): readonly string[] {
  const bare = expression
    .replaceAll(/"[^"]*"/g, '')
    .replaceAll(/\b(?:by|on|group_left|group_right|without) \([^)]*\)/g, '')
  return [...bare.matchAll(/\b(?:postern|process|nodejs)_\w+/g)].map(([name]) => name)
}

function isTold(name: string): boolean {
  const histogram = name.replace(/_(?:bucket|sum|count)$/, '')
  return live.families.has(name) || live.families.get(histogram) === 'histogram'
}

test('every metric of an alert and of the dashboard is one that a gateway tells', () => {
  const asked = [
    ...alerts.map(({ expr }) => expr),
    ...expressions,
    ...dashboard.templating.list.map(({ definition = '' }) => definition),
  ]
  const names = new Set(asked.flatMap(namesIn))
  assert.ok(names.size > 25)
  assert.deepEqual(
    [...names].filter((name) => !isTold(name)),
    [],
  )
  for (const expression of [...alerts.map(({ expr }) => expr), ...expressions])
    assert.ok(namesIn(expression).length > 0 || /\bup\{/.test(expression), expression)
})

test('what an alert waits for to rise is there before it does', () => {
  const watched = alerts.flatMap(({ expr }) => [
    ...expr.matchAll(/increase\((\w+)\{(?:call!="fetch",)?(outcome|reason)=~?"([\w|]+)"\}/g),
  ])
  assert.ok(watched.length > 6)
  for (const [, name = '', label = '', values = ''] of watched)
    for (const value of values.split('|'))
      assert.ok(
        [...live.series.keys()].some(
          (series) => series.startsWith(`${name}{`) && series.includes(`${label}="${value}"`),
        ),
        `${name} ${value}`,
      )
})

test('the dashboard shows every metric of ours', () => {
  const shown = new Set(expressions.flatMap(namesIn).map((name) => name.replace(/_(?:bucket|sum|count)$/, '')))
  const ours = [...live.families.keys()].filter((name) => name.startsWith('postern_'))
  assert.deepEqual(
    ours.filter((name) => !shown.has(name)),
    [],
  )
})

test('the document names every metric of ours with its kind, and no other', () => {
  const rows = tableRows(operations, 'Metrics').map(([name = '', kind = '']) => `${name.replaceAll('`', '')} ${kind}`)
  const ours = [...live.families]
    .filter(([name]) => name.startsWith('postern_'))
    .map(([name, kind]) => `${name} ${kind}`)
  assert.deepEqual(rows.toSorted(), ours.toSorted())
})

test('the labels in the document are those that there are', () => {
  const labelsOf = new Map<string, Set<string>>()
  for (const name of live.series.keys()) {
    const [, metric = '', labels = ''] = /^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})?$/.exec(name) ?? []
    const known = labelsOf.get(metric) ?? new Set()
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) if (label !== 'le') known.add(label)
    labelsOf.set(metric, known)
  }
  for (const [name = '', , labels = ''] of tableRows(operations, 'Metrics')) {
    const told = labelsOf.get(name.replaceAll('`', ''))
    if (told !== undefined)
      assert.deepEqual(
        [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
        [...told],
        name,
      )
  }
})

describe('each alert', () => {
  for (const { alert, labels, annotations } of alerts)
    test(`${alert} has a severity and leads to a heading that says what to do`, () => {
      assert.ok(['warning', 'critical'].includes(labels.severity))
      assert.equal(annotations.runbook, `docs/operations.md#${alert.toLowerCase()}`)
      const [, section = ''] = operations.split(new RegExp(`^### ${alert}$`, 'm'))
      assert.ok((section.split(/^##/m)[0] ?? '').trim().length > 80, 'nothing is said')
    })

  test('is the only one of its name, and no heading is of none', () => {
    const headings = [...operations.matchAll(/^### (Postern\w+)$/gm)].map(([, name]) => name)
    assert.deepEqual(
      headings,
      alerts.map(({ alert }) => alert),
    )
  })
})

test('no two panels of the dashboard lie on each other, and each has what Grafana needs', () => {
  assert.equal(dashboard.uid, 'postern')
  const { panels } = dashboard
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  for (const [index, panel] of panels.entries()) {
    const { x, y, w, h } = panel.gridPos
    assert.ok(x >= 0 && x + w <= 24)
    assert.ok(
      panel.type === 'row' ||
        (panel.type === 'timeseries' && (panel.targets?.length ?? 0) > 0 && panel.description !== undefined),
    )
    for (const { gridPos: other } of panels.slice(index + 1))
      assert.ok(x + w <= other.x || other.x + other.w <= x || y + h <= other.y || other.y + other.h <= y, panel.title)
  }
})

describe('Prometheus', { skip: promtoolMissing }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'postern-'))
  after(() => rmSync(scratch, { recursive: true }))

  test('takes the rules', () => promtool(['check', 'rules', join(root, folder, 'alerts.yaml')]))

  test('rings each alert for what it is about, and none while all is well', () => {
    promtool(['test', 'rules', join(root, folder, 'alerts.test.yaml')])
    const tested = readText(`${folder}/alerts.test.yaml`)
    const rung = alerts.filter(({ alert }) => new RegExp(`alertname: ${alert}, exp_alerts`).test(tested))
    assert.deepEqual(rung, alerts)
  })

  test('understands every question of the dashboard', () => {
    const rules = expressions.map((expr, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$job', '.*'),
    }))
    const file = join(scratch, 'dashboard.yaml')
    writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules }] }))
    promtool(['check', 'rules', file])
  })
})
