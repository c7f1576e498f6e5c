import type { BodyTest, Condition, NamedTest } from '../config/upstream.ts'
import type { Answer } from './answer.ts'
import { valueAt } from './json.ts'

export interface Judgement {
  readonly holds: boolean
  /** Whether the status is the right one, whatever the content. */
  readonly rightStatus: boolean
  /** Whether the body could be read as the tests of it need: an HTML page says nothing about a JSON pointer. */
  readonly readable: boolean
  /** The first part that does not hold, in the words of the configuration. */
  readonly unmet: string | undefined
}

export function judge(condition: Condition, answer: Answer): Judgement {
  const { status } = answer
  const unmetStatus = statusHolds(condition, status) ? undefined : 'status'
  const readable = condition.body.length === 0 || answer.json().value !== undefined
  const unmet = unmetStatus ?? (readable ? unmetContent(condition, answer) : 'body as JSON')
  // An empty list means any status for the whole condition; whether the status *alone* is a right one is then left to HTTP.
  const rightStatus = condition.status.length === 0 ? status >= 200 && status < 300 : condition.status.includes(status)
  return { holds: unmet === undefined, rightStatus, readable, unmet }
}

/** A redirect is never followed, so it is only taken for an answer by a condition that names its status. */
function statusHolds(condition: Condition, status: number): boolean {
  if (condition.status.length === 0) return status < 300 || status >= 400
  return condition.status.includes(status)
}

function unmetContent(condition: Condition, answer: Answer): string | undefined {
  for (const test of condition.body) {
    if (!bodyHolds(test, valueAt(answer.json().value, test.segments))) return `body ${pointerOf(test.segments)}`
  }
  if (condition.text !== undefined && !textHolds(condition.text, answer.looseText)) return 'text'
  for (const test of condition.headers) {
    if (!named(test, answer.headers.get(test.name.toLowerCase()) ?? [])) return `header ${test.name}`
  }
  for (const test of condition.cookies) {
    const cookie = answer.cookies.get(test.name)
    if (!named(test, cookie === undefined ? [] : [cookie.value])) return `cookie ${test.name}`
  }
  return undefined
}

function bodyHolds(test: BodyTest, value: unknown): boolean {
  switch (test.test) {
    case 'exists':
      return value !== undefined
    case 'absent':
      return value === undefined
    case 'equals':
      return (typeof value === 'bigint' ? Number(value) : value) === test.value
  }
}

function textHolds(text: NonNullable<Condition['text']>, body: string): boolean {
  return text.test === 'equals' ? body.trim() === text.value.trim() : body.includes(text.value)
}

function named(test: NamedTest, values: readonly string[]): boolean {
  switch (test.test) {
    case 'exists':
      return values.length > 0
    case 'absent':
      return values.length === 0
    case 'equals':
      return values.includes(test.value)
  }
}

/** A parsed JSON Pointer as it stands in the configuration (RFC 6901 section 3). */
export function pointerOf(segments: readonly string[]): string {
  return segments.map((segment) => `/${segment.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
