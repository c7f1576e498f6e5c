import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { reasons } from '../../src/base/reasons.ts'
import { logEvents } from '../../src/observe/log.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { assertLogsAreClean } from '../contract/refusal.ts'
import type { Gateway } from '../support/gateway.ts'
import { eventually } from '../support/settled.ts'
import { heardLog } from '../support/sweep.ts'
import { decisions } from './decisions.ts'
import { readText, tableRows } from './markdown.ts'

/* The document says which decision leaves which event, and what stands in it; and it is so. */

type Row = Readonly<Record<string, unknown>>

const rows = tableRows(readText('docs/operations.md'), 'The log')
const quoted = (cell = '') => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name)
/** What every record has, and needs no row. */
const common = ['level', 'time', 'event', 'msg', 'trace_id']
const fieldsIn = (cells: string, pattern: RegExp) =>
  [...cells.matchAll(pattern)].map(([, name = '']) => name).filter((name) => !common.includes(name))

interface Described {
  readonly levels: readonly string[]
  readonly fields: readonly string[]
  readonly required: readonly string[]
}

/** Of a cell the fields, before what is said about them. */
const withoutWords = (cell: string) => cell.replaceAll(/\([^)]*\)|[:;].*$/g, '')

const described = new Map(
  rows
    .filter((row) => row.length === 5)
    .map(([name = '', level = '', ...cells]): [string, Described] => {
      const text = cells.map(withoutWords).join(' ')
      return [
        quoted(name)[0] ?? '',
        {
          levels: ['debug', 'info', 'warn', 'error'].filter((one) => new RegExp(`\\b${one}\\b`).test(level)),
          fields: fieldsIn(text, /`(\w+)`/g),
          required: fieldsIn(text, /`(\w+)`(?!\?)/g),
        },
      ]
    }),
)

const documented = rows
  .filter((row) => row.length === 3)
  .map(([decision = '', event = '', reason]) => ({
    decision,
    event: quoted(event)[0] ?? '',
    reasons: quoted(reason),
  }))

/** What the gateway logged; and of the plugin what it logs where nobody listens instead. */
function recordsOf({ logs, events }: Gateway): readonly Row[] {
  const lines: string[] = []
  const write = logEvents(createLogger('trace', heardLog(lines)))
  for (const event of events) write(event)
  return [...logs, ...lines]
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row)
}

function assertDescribed(record: Row): void {
  const name = String(record['event'])
  const event = described.get(name)
  assert.ok(event !== undefined, `${name} is not described`)
  const fields = Object.keys(record).filter((field) => !common.includes(field))
  assert.ok(event.levels.includes(String(record['level'])), `${name} is written at ${String(record['level'])}`)
  assert.deepEqual(
    fields.filter((field) => !event.fields.includes(field)),
    [],
    `${name} has more than is described`,
  )
  assert.deepEqual(
    event.required.filter((field) => !fields.includes(field)),
    [],
    `${name} has less than is described`,
  )
  assert.match(String(record['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  if ('address' in record) assert.equal(record['address'], '127.0.0.1')
  if ('reqId' in record) assert.match(String(record['reqId']), /^[\w-]+$/)
  for (const id of ['jti', 'sid', 'replaced']) if (id in record) assert.match(String(record[id]), /^[\w-]{22}$/)
}

const seen = new Map<string, Set<string>>()

describe('LL-03 every kind of decision leaves the event that is documented, with who, what, when and where', () => {
  test('each of them is driven, and no other', () => {
    const named = documented.map(({ decision, reasons: listed }) => [decision, new Set(listed)] as const)
    assert.deepEqual(
      named.map(([decision]) => decision),
      Object.keys(decisions),
    )
    for (const [decision, listed] of named)
      if (listed.size > 0) assert.deepEqual(new Set(Object.keys(decisions[decision] ?? {})), listed, decision)
  })

  test('every reason that there is belongs to one', () => {
    const listed = new Set(documented.flatMap(({ reasons: some }) => some))
    assert.deepEqual([...listed].toSorted(), Object.keys(reasons).toSorted())
  })

  for (const { decision, event, reasons: listed } of documented) {
    for (const [kind, drive] of Object.entries(decisions[decision] ?? {})) {
      test(kind === '' ? decision : `${decision}: ${kind}`, async (t) => {
        const gateway = await drive(t)
        const reason = listed.length === 0 ? undefined : kind
        const is = (one: object) =>
          'type' in one && one.type === event && (reason === undefined || ('reason' in one && one.reason === reason))
        await eventually(() => gateway.events.some(is), `no ${event} ${kind}`)
        const records = recordsOf(gateway).filter((one) => 'event' in one)
        for (const one of records) {
          assertDescribed(one)
          const fields = seen.get(String(one['event'])) ?? new Set()
          for (const field of Object.keys(one)) fields.add(field)
          seen.set(String(one['event']), fields)
        }
        assertLogsAreClean(gateway)
      })
    }
  }

  test('and every field that is documented is there at some time', () => {
    const rare = new Set(['warning', 'notice'])
    for (const [name, { fields }] of described)
      if (!rare.has(name))
        assert.deepEqual(
          fields.filter((field) => seen.get(name)?.has(field) !== true),
          [],
          name,
        )
  })
})
