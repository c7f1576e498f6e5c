import type { RefusalRule } from '../config/upstream.ts'
import type { Answer } from './answer.ts'
import { isOwnWord } from './own-word.ts'
import type { Failed } from './upstream.ts'

/**
 * @param detail one sentence for the log, made of our own words and of the configuration only
 * @param plain whether a text or a redirect is described for that call
 */
export function failed(as: Failed['as'], detail: string, answer?: Answer, plain = false): Failed {
  const outcome = { kind: 'failed', as, detail, status: answer?.status, retryAfter: answer?.retryAfter } as const
  const mayBeNo = as === 'upstream_bad' && answer !== undefined && isOwnWord(answer, plain)
  return mayBeNo ? { ...outcome, mayBeNo } : outcome
}

/** An answer that nothing in the configuration speaks of. */
export function unmatched(call: string, answer: Answer, plain = false): Failed {
  const { status } = answer
  if (status >= 500 || status === 429) {
    return failed('upstream_unavailable', `The ${call} call was answered with status ${status}.`, answer)
  }
  if (status >= 300 && status < 400) {
    return failed(
      'upstream_bad',
      `The ${call} call was answered with a redirect (status ${status}), which is not followed.`,
      answer,
      plain,
    )
  }
  return failed(
    'upstream_bad',
    `The ${call} call was answered with status ${status}, and no configured condition fits the answer.`,
    answer,
    plain,
  )
}

/** An answer that the configuration describes as `unavailable`. */
export function asDescribed(call: string, answer: Answer, rule: RefusalRule<string>): Failed {
  const detail = `The ${call} call was answered as described for "unavailable" (status ${answer.status}).`
  return { ...failed('upstream_unavailable', detail, answer), retryAfter: waitOf(answer, rule) }
}

/** Seconds that the service asks to wait, or that are configured for where it does not say. */
export function waitOf(answer: Answer, { retryAfter }: RefusalRule<string>): number | undefined {
  return answer.retryAfter ?? (retryAfter === undefined ? undefined : Math.ceil(retryAfter / 1000))
}
