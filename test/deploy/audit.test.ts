import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge } from '../../scripts/audit.ts'

const locked = {
  'node_modules/tested': { dev: true },
  'node_modules/run': {},
  'node_modules/@redis/client': { dev: true },
}

function report(...names: readonly string[]): string {
  const found = names.map((name) => ({
    name,
    severity: 'low',
    range: '<2',
    via: [{ title: 'it breaks', url: 'https://advisories.example/1' }, 'inner'],
    nodes: [`node_modules/${name}`],
  }))
  return JSON.stringify({
    auditReportVersion: 2,
    vulnerabilities: Object.fromEntries(found.map((one) => [one.name, one])),
  })
}

const said = (name: string) => `${name} <2, low: it breaks (https://advisories.example/1); through inner`

test('an advisory of what runs is found, the client of Redis in the image included; one of the tests is told', () => {
  assert.deepEqual(judge(report('run', 'tested', '@redis/client'), locked), {
    answered: true,
    running: [said('run'), said('@redis/client')],
    development: [said('tested')],
  })
  assert.deepEqual(judge(report(), locked), { answered: true, running: [], development: [] })
  // Not in the lock file: nothing says that it does not run.
  assert.deepEqual(judge(report('unknown'), locked), { answered: true, running: [said('unknown')], development: [] })
})

test('whatever is not a whole report is no answer', () => {
  for (const text of ['', 'nothing', 'null', '[]', '{}', '{"auditReportVersion":2}', '{"vulnerabilities":{}}'])
    assert.deepEqual(judge(text, locked), { answered: false, why: 'it did not answer with a report' }, text)
  assert.deepEqual(judge('{"message":"405 Method Not Allowed","error":{}}', locked), {
    answered: false,
    why: '405 Method Not Allowed',
  })
})
