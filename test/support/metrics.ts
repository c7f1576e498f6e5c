import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { send } from './browser-client.ts'

/** What Prometheus itself reads and judges with. Why it is not here, or false. */
export const promtoolMissing = missing()

function missing(): string | false {
  if (spawnSync('promtool', ['--version']).error === undefined) return false
  if (process.env['POSTERN_REQUIRE_PROGRAMS'] === '1') throw new Error('promtool is required and was not found.')
  return 'no promtool on this machine'
}

/** Fails with what it says. */
export function promtool(args: readonly string[], input?: string): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, {
    encoding: 'utf8',
    ...(input === undefined ? {} : { input }),
  })
  assert.equal(status, 0, `promtool ${args.join(' ')}\n${stdout}${stderr}`)
}

/** Of one answer of `/metrics`. */
export interface Metrics {
  readonly text: string
  /** By name and labels, as they are written: `name{label="value"}`. */
  readonly series: ReadonlyMap<string, number>
  /** Families that are described, with their kind. */
  readonly families: ReadonlyMap<string, string>
}

export function readMetrics(text: string): Metrics {
  const series = new Map<string, number>()
  const families = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, family, kind] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (family !== undefined && kind !== undefined) families.set(family, kind)
    if (line === '' || line.startsWith('#')) continue
    const at = line.lastIndexOf(' ')
    assert.ok(!series.has(line.slice(0, at)), `twice: ${line}`)
    series.set(line.slice(0, at), Number(line.slice(at + 1)))
  }
  return { text, series, families }
}

/** @param admin origin of the admin port */
export async function metricsOf(admin: string): Promise<Metrics> {
  const answer = await send(`${admin}/metrics`, 'GET', { connection: 'close' })
  assert.equal(answer.status, 200, answer.text)
  assert.match(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4/)
  return readMetrics(answer.text)
}
