import type { Condition, LoginUpstreamConfig, Place, RefusalRule } from '../config/upstream.ts'
import type { Answer } from './answer.ts'
import { parseJson } from './json.ts'

/** Of each call of a sign-in, whether it is described as one that may answer with a text or with a redirect. */
export type Plain = Readonly<Record<'login' | 'secondStep' | 'profile', boolean>>

interface Described {
  readonly success: Condition
  readonly refusals: readonly RefusalRule<string>[]
  readonly token?: Place
}

/** Whether an answer that nobody described is of the service itself, and not a page that something else put in its place. */
export function isOwnWord({ status, looseText }: Answer, plain: boolean): boolean {
  if (status >= 400) return status < 500
  // Nothing is taken from it, so it need not be UTF-8.
  return plain || (status < 300 && parseJson(looseText).value !== undefined)
}

export function plainCalls({ login, secondStep, profile }: LoginUpstreamConfig): Plain {
  return {
    login: isPlain(login) || (secondStep !== undefined && tellsPlain(secondStep.when)),
    secondStep: secondStep !== undefined && isPlain(secondStep),
    profile: profile !== undefined && isPlain(profile),
  }
}

/** What is described as `unavailable` may well be the page of something else. */
function isPlain({ success, refusals, token }: Described): boolean {
  const own = [success, ...refusals.filter(({ as }) => as !== 'unavailable')]
  return token?.from === 'text' || own.some(tellsPlain)
}

function tellsPlain({ status, text }: Condition): boolean {
  return text !== undefined || status.some((code) => code >= 300 && code < 400)
}
