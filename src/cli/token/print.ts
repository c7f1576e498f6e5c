import { page } from '../../base/installed.ts'
import { reasonWords } from '../reason-words.ts'
import { columns, printable, say, toned } from '../terminal.ts'
import { timeWords } from '../spans.ts'
import type { Inspection, Verdict } from './inspection.ts'

const kindWords: Readonly<Record<Inspection['kind'], string>> = {
  session: 'a session token, for the cookie of a browser',
  access: 'an access token, for Authorization: Bearer',
  assertion: 'an assertion, made for one backend',
  transaction: 'a sign-in that is not finished',
  sealed: 'a sealed upstream token, which says nothing by itself',
  unknown: 'no kind of ours',
}

const times = new Set(['iat', 'nbf', 'exp', 'auth_time', 'idle_at'])

function written(value: unknown): string {
  return printable(JSON.stringify(value))
}

export function printInspection(inspection: Inspection, now: number): void {
  const { kind, header, claims, key, verdict, sealed, bytes } = inspection
  const rows: string[][] = [['kind', `${kindWords[kind]}, ${bytes} characters`]]
  const row = (name: string, text: string) => rows.push([name, text])
  row('header', header === undefined ? 'cannot be read' : written(header))
  if (key !== undefined) row('key', `${printable(key.kid)}: ${key.role}`)
  row('verdict', verdictWords(verdict))
  if (sealed !== undefined) row('sealed', sealedWords(sealed, now))
  for (const [name, value] of Object.entries(claims ?? {})) {
    const isTime = times.has(name) && typeof value === 'number' && Math.abs(value) < 1e11
    row(printable(name), isTime ? timeWords(value * 1000, now) : written(value))
  }
  for (const line of columns(rows)) say(line)
}

function verdictWords(verdict: Verdict): string {
  switch (verdict.state) {
    case 'valid':
      if (verdict.bound === true)
        return `${toned('good', 'good')}, with the scheme DPoP and a proof of its key (cnf) at each request`
      return `${toned('good', 'good')}: a request that brings it is let in, unless only a running gateway knows better`
    case 'renewable':
      return `${toned('warning', 'expired')}, and may be renewed: a request that brings it has to be renewed first`
    case 'elsewhere':
      return 'good for the backend that it names in aud; never accepted here (wrong_kind)'
    case 'no credential':
      return 'nothing to verify: give it together with its session token, as one Cookie line'
    case 'unjudged':
      return `${toned('fault', 'not judged')}: ${verdict.why}`
    case 'refused': {
      const words = reasonWords(verdict.reason) ?? `see ${page('errors')}`
      const signed = verdict.signed ? '; the signature fits' : ''
      return `${toned('fault', 'refused')}, ${verdict.reason}: ${words}${signed}`
    }
  }
}

function sealedWords(
  { where, bytes, kid, role, opens, expiresAt, refreshToken }: NonNullable<Inspection['sealed']>,
  now: number,
): string {
  const what = `${where}, ${bytes} characters, key ${kid === undefined ? 'not named' : printable(kid)}: ${role}`
  if (opens === undefined) return `${what}; not opened, because the token around it was not seen to be good`
  if (!opens) return `${what}; ${toned('fault', 'cannot be opened here')}: the session is over (undecryptable)`
  const end =
    expiresAt === undefined
      ? 'the upstream did not say when its token ends'
      : `its token ends ${timeWords(expiresAt, now)}`
  return `${what}; can be opened here; ${end}; ${refreshToken === true ? 'with' : 'without'} a refresh token`
}
