import { isDeepStrictEqual } from 'node:util'
import type { LoginCall, LoginUpstreamConfig, SecondStep } from '../config/upstream.ts'
import type { Answer } from './answer.ts'
import type { Asked, Caller } from './caller.ts'
import { createCompletion } from './completion.ts'
import { asDescribed, failed, unmatched, waitOf } from './failed.ts'
import type { Variables } from './fill.ts'
import { plainCalls } from './own-word.ts'
import { createTaking } from './taking.ts'
import type { FieldValues, SignInOutcome } from './upstream.ts'
import { lacksRequired, openNames, pick, plainText, typedVariables } from './variables.ts'

/** The two doors of a sign-in. A token is needed to get through either: a step that is still due is not a session. */
export interface SignIn {
  signIn(typed: FieldValues): Promise<SignInOutcome>
  continueSignIn(values: Readonly<Record<string, string>>, typed: FieldValues): Promise<SignInOutcome>
}

/** The credentials were not sent: they cannot be right. */
const notSent = { kind: 'refused', as: 'bad_credentials', status: 0, retryAfter: undefined } as const

export function createSignIn(config: LoginUpstreamConfig, caller: Caller): SignIn {
  const { login, secondStep: step } = config
  const open = new Set([...openNames(config.fields), ...openNames(step?.fields ?? []), ...(step?.carry.keys() ?? [])])
  const complete = createCompletion(config, caller, open)
  const plain = plainCalls(config)
  // The default of `when` is the success of the login call, which has to be judged after the refusals as ever.
  const stepByItself = step !== undefined && !isDeepStrictEqual(step.when, login.success)

  async function signIn(typed: FieldValues): Promise<SignInOutcome> {
    if (lacksRequired(config.fields, typed)) return notSent
    const variables = typedVariables(config.fields, typed)
    const asked = await caller.ask('login', login.request, variables)
    if (!asked.ok) return notAsked(asked, typed)
    const { answer } = asked
    if (step !== undefined && stepByItself && caller.judge('login', 'when', step.when, answer).holds) {
      return goOn(step, answer, variables, typed)
    }
    const refused = judged('login', login, answer)
    if (refused !== undefined) return refused
    return step === undefined || stepByItself
      ? complete('login', login, answer, variables)
      : goOn(step, answer, variables, typed)
  }

  /** The first answer holds what the second request needs; a person may have to add to it. */
  async function goOn(
    due: SecondStep,
    answer: Answer,
    variables: Variables,
    typed: FieldValues,
  ): Promise<SignInOutcome> {
    const carried = createTaking('login', { answer, variables: pick(variables, open) }, caller.trace).carry(due.carry)
    if (!carried.ok) return failed('upstream_bad', carried.fault, answer, plain.login)
    if (due.fields.length > 0) {
      const values = { ...plainText(pick(variables, open)), ...carried.values }
      return { kind: 'second_step', fields: due.fields, values, status: answer.status }
    }
    return second(due, new Map([...variables, ...Object.entries(carried.values)]), typed)
  }

  async function continueSignIn(values: Readonly<Record<string, string>>, typed: FieldValues): Promise<SignInOutcome> {
    if (step === undefined) return failed('upstream_bad', 'No second step is configured.')
    if (lacksRequired(step.fields, typed)) return notSent
    return second(step, new Map([...Object.entries(values), ...typedVariables(step.fields, typed)]), typed)
  }

  async function second(due: SecondStep, variables: Variables, typed: FieldValues): Promise<SignInOutcome> {
    const asked = await caller.ask('secondStep', due.request, variables)
    if (!asked.ok) return notAsked(asked, typed)
    return judged('secondStep', due, asked.answer) ?? complete('secondStep', due, asked.answer, variables)
  }

  /** Undefined: a success. */
  function judged(name: 'login' | 'secondStep', described: LoginCall, answer: Answer): SignInOutcome | undefined {
    const { status, retryAfter } = answer
    const rule = caller.refusal(name, described.refusals, answer)
    if (rule !== undefined) {
      const { as, everyone } = rule
      if (as === 'unavailable') return asDescribed(name, answer, rule)
      // Only a wait that anybody would be told: beside the others it would tell a locked account from an unknown one.
      const asked = as === 'rate_limited' ? waitOf(answer, rule) : undefined
      return { kind: 'refused', as, status, retryAfter: asked, everyone }
    }
    if (caller.judge(name, 'success', described.success, answer).holds) return undefined
    if (status === 401 || status === 403)
      return { kind: 'refused', as: 'bad_credentials', status, retryAfter: undefined }
    if (status === 429) return { kind: 'refused', as: 'rate_limited', status, retryAfter }
    return unmatched(name, answer, plain[name])
  }

  return { signIn, continueSignIn }
}

/** What a person typed and no request can carry is wrong; anything else that does not fit is a fault of the service. */
function notAsked(asked: Extract<Asked, { ok: false }>, typed: FieldValues): SignInOutcome {
  return asked.field !== undefined && typed.has(asked.field) ? notSent : asked.failed
}
