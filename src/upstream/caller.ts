import type { Dispatcher } from 'undici'
import type { Clock } from '../base/clock.ts'
import type { Condition, LoginUpstreamConfig, RefusalRule, RequestTemplate } from '../config/upstream.ts'
import type { Answer } from './answer.ts'
import { call } from './call.ts'
import { judge, type Judgement } from './condition.ts'
import { failed } from './failed.ts'
import type { Variables } from './fill.ts'
import { fillRequest } from './template.ts'
import type { CallName, TraceSink } from './trace.ts'
import type { Failed } from './upstream.ts'

export type Asked =
  | { readonly ok: true; readonly answer: Answer }
  /** `field`: the request was not made, because the value of this one does not fit into it. */
  | { readonly ok: false; readonly failed: Failed; readonly field: string | undefined }

/** Asks the service and judges what it says, telling the trace of both. */
export interface Caller {
  /** @param shown headers that present the token */
  ask(
    name: CallName,
    template: RequestTemplate,
    variables: Variables,
    shown?: ReadonlyMap<string, string>,
  ): Promise<Asked>
  judge(name: CallName, what: 'success' | 'when', condition: Condition, answer: Answer): Judgement
  /** The first that holds. */
  refusal<Kind extends string>(
    name: CallName,
    rules: readonly RefusalRule<Kind>[],
    answer: Answer,
  ): RefusalRule<Kind> | undefined
  readonly trace: TraceSink
}

type Means = Pick<LoginUpstreamConfig, 'timeout' | 'maxResponse' | 'secrets'>

export function createCaller(dispatcher: Dispatcher, means: Means, clock: Clock, trace: TraceSink): Caller {
  return {
    trace,

    async ask(name, template, variables, shown) {
      const startedAt = clock()
      const told = (status: number | undefined, fault: Failed | undefined) => {
        trace({
          type: 'call',
          call: name,
          method: template.method,
          path: template.path,
          status,
          milliseconds: clock() - startedAt,
          failed: fault === undefined ? undefined : { as: fault.as, detail: fault.detail },
        })
      }
      // Here and nowhere before: what is kept for a second step, or may be a claim, is taken from `variables`. They come
      // last, because what was sealed long ago may have a name that the configuration has given away since.
      const filled = fillRequest(template, new Map([...variables, ...means.secrets]), shown)
      if (!filled.ok) {
        const fault = failed('upstream_bad', `The ${name} call was not made: ${filled.detail}`)
        told(undefined, fault)
        return { ok: false, failed: fault, field: filled.field }
      }
      const result = await call(dispatcher, filled.request, means, clock)
      if (result.ok) {
        told(result.answer.status, undefined)
        return result
      }
      const fault = { ...result.failed, detail: `The ${name} call failed. ${result.failed.detail}` }
      told(undefined, fault)
      return { ok: false, failed: fault, field: undefined }
    },

    judge(name, what, condition, answer) {
      const judgement = judge(condition, answer)
      trace({
        type: 'condition',
        call: name,
        what,
        index: undefined,
        as: undefined,
        holds: judgement.holds,
        unmet: judgement.unmet,
      })
      return judgement
    },

    refusal(name, rules, answer) {
      for (const [index, rule] of rules.entries()) {
        const { holds, unmet } = judge(rule, answer)
        trace({ type: 'condition', call: name, what: 'refusal', index, as: rule.as, holds, unmet })
        if (holds) return rule
      }
      return undefined
    },
  }
}
