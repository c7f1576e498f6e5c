import { duration, hour, second } from './duration.ts'
import type { Spot } from './faults.ts'
import { parsePointer } from './parse-place.ts'
import type { ConditionOptions } from './schema.ts'
import { fieldPattern } from './templates.ts'
import { asksToWait } from './upstream-parts.ts'
import type { BodyTest, Condition, NamedTest, RefusalRule } from './upstream.ts'

/** Every status of success (RFC 9110 section 15.3). */
export const successful: readonly number[] = Array.from({ length: 100 }, (_, index) => 200 + index)

/** What success looks like: where no status is named, those of `statuses`. */
export function parseSuccess(spot: Spot, options: ConditionOptions | undefined, statuses = successful): Condition {
  const condition = parseCondition(spot, options ?? {})
  return condition.status.length > 0 ? condition : { ...condition, status: statuses }
}

/** A condition under which something else happens than usual. Without any part it would always hold. */
export function parseTelling(spot: Spot, options: ConditionOptions): Condition {
  const condition = parseCondition(spot, options)
  const { status, body, text, headers, cookies } = condition
  if (status.length + body.length + headers.length + cookies.length === 0 && text === undefined) {
    spot.fault('holds for every answer; say by which `status`, `body`, `text`, `headers` or `cookies` it is told')
  }
  return condition
}

type RefusalOptions<Kind> = ConditionOptions & {
  readonly as: Kind
  readonly retryAfter?: string
  readonly everyone?: boolean
}

/** Rules in order; the first that holds counts. */
export function parseRefusals<Kind extends string>(
  spot: Spot,
  rules: readonly RefusalOptions<Kind>[] | undefined,
): readonly RefusalRule<Kind>[] {
  return (rules ?? []).map((rule, index) => ({
    ...parseTelling(spot.at(index), rule),
    as: rule.as,
    retryAfter: parseRetryAfter(spot.at(index, 'retryAfter'), rule),
    everyone: parseEveryone(spot.at(index, 'everyone'), rule),
  }))
}

function parseRetryAfter(spot: Spot, { as, retryAfter }: RefusalOptions<string>): number | undefined {
  if (retryAfter === undefined) return undefined
  if (!asksToWait(as)) {
    spot.fault('waiting does not make this refusal another one; take it out, or name another kind in `as`')
  }
  return duration(spot, retryAfter, { least: second, most: hour })
}

function parseEveryone(spot: Spot, { as, everyone = false }: RefusalOptions<string>): boolean {
  if (everyone && as !== 'rate_limited') spot.fault('is for `rate_limited` only: nothing else makes everybody wait')
  return everyone
}

function parseCondition(spot: Spot, options: ConditionOptions): Condition {
  const { status, body, text, headers, cookies } = options
  checkFixed(spot, options)
  return {
    status: status ?? [],
    body: (body ?? []).map((test, index) => bodyTest(spot.at('body', index), test)),
    text: text === undefined ? undefined : textTest(spot.at('text'), text),
    headers: (headers ?? []).map((test, index) => namedTest(spot.at('headers', index), test, test.name.toLowerCase())),
    cookies: (cookies ?? []).map((test, index) => namedTest(spot.at('cookies', index), test, test.name)),
  }
}

/** A condition is the same for everybody: what looks like a field would be compared as it stands, and never hold. */
function checkFixed(spot: Spot, value: unknown): void {
  if (typeof value === 'string') {
    if (value.search(fieldPattern) !== -1)
      spot.fault('fields are not filled in here; compare with a fixed text, or ask by `exists` whether it is there')
  } else if (Array.isArray(value)) value.forEach((item, index) => checkFixed(spot.at(index), item))
  else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) checkFixed(spot.at(key), member)
  }
}

type Options<Key extends keyof ConditionOptions> = NonNullable<ConditionOptions[Key]>

function bodyTest(spot: Spot, { json, equals, exists }: Options<'body'>[number]): BodyTest {
  checkOneTest(spot, equals, exists)
  const segments = parsePointer(json)
  return equals === undefined ? { segments, test: presence(exists) } : { segments, test: 'equals', value: equals }
}

function namedTest(spot: Spot, { equals, exists }: Options<'headers'>[number], name: string): NamedTest {
  checkOneTest(spot, equals, exists)
  return equals === undefined ? { name, test: presence(exists) } : { name, test: 'equals', value: equals }
}

function textTest(spot: Spot, { equals, contains }: Options<'text'>): Condition['text'] {
  if ((equals === undefined) === (contains === undefined))
    spot.fault('must have exactly one of `equals` and `contains`')
  return equals === undefined ? { test: 'contains', value: contains ?? '' } : { test: 'equals', value: equals }
}

function checkOneTest(spot: Spot, equals: unknown, exists: boolean | undefined): void {
  if ((equals === undefined) === (exists === undefined)) spot.fault('must have exactly one of `equals` and `exists`')
}

function presence(exists: boolean | undefined): 'exists' | 'absent' {
  return exists === false ? 'absent' : 'exists'
}
