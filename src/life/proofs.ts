import { createHash } from 'node:crypto'
import { toSeconds, type Clock } from '../base/clock.ts'
import type { Meters } from '../base/meters.ts'
import type { Config, DpopMode } from '../config/config.ts'
import { nonceLife, type NonceMaker } from '../token/dpop-nonce.ts'
import { bringsProof, createProofReader, type Proof, type ProofDemand, type ProofFault } from '../token/dpop-proof.ts'
import type { Facts } from './facts.ts'

/** A request, as far as a proof speaks of it. */
export interface ProvenRequest {
  readonly method: string
  readonly rawHeaders: readonly string[]
  /** Path and query as they came. Undefined: no proof can be for it. */
  readonly url?: string | undefined
}

type Refused = { readonly ok: false; readonly reason: ProofFault }

/** `nonce`: there is a newer one than the proof held; undefined, there is none. */
export type UseVerdict = { readonly ok: true; readonly nonce: string | undefined } | Refused

/** `jkt`: thumbprint of the key that the token is to be bound to; undefined: to none. */
export type BindingVerdict = { readonly ok: true; readonly jkt: string | undefined } | Refused

/** Judges the proofs that requests bring (RFC 9449). Nothing here rejects. */
export interface ProofJudge {
  /**
   * For the use of a bound token.
   *
   * @param host of the route, where it names one; undefined: that of the public URL
   */
  ofUse(request: ProvenRequest, bound: NonNullable<ProofDemand['bound']>, host: string | undefined): Promise<UseVerdict>
  /**
   * For a new token.
   *
   * @param path of the address at which it is asked for
   */
  ofBinding(request: Pick<ProvenRequest, 'rawHeaders'>, path: string, mode: DpopMode): Promise<BindingVerdict>
  /** What the next proof has to hold; undefined: nothing. */
  nonce(): string | undefined
}

type Judged = { readonly ok: true; readonly proof: Proof; readonly nonce: string | undefined } | Refused

interface Deps {
  readonly nonces: NonceMaker
  readonly facts: Pick<Facts, 'first'>
  readonly clock: Clock
  readonly meters: Pick<Meters, 'proofs'>
}

/**
 * Seconds by which `iat` may be off. A nonce says by our own clock when a proof was made, so that with one a client need
 * not have the right time (RFC 9449 sections 8 and 11.1).
 */
const withoutNonce = { before: 60, after: 5 }
const withNonce = { before: 300, after: 300 }

const unbound: BindingVerdict = { ok: true, jkt: undefined }

export function createProofJudge({ publicUrl, secure, prefix, dpop }: Config, deps: Deps): ProofJudge {
  const { nonces, facts, clock, meters } = deps
  const reader = createProofReader()
  const scheme = secure ? 'https' : 'http'
  const limits = dpop.nonces ? withNonce : withoutNonce

  async function judge(rawHeaders: readonly string[], demand: ProofDemand): Promise<Judged> {
    const read = reader.read(rawHeaders, demand)
    if (!read.ok) return read
    const { proof } = read
    const now = clock()
    const age = toSeconds(now) - proof.iat
    const nonce = dpop.nonces && proof.nonce !== undefined ? nonces.judge(proof.nonce) : undefined
    // Before the time: the answer to it puts right what a client without a clock cannot know.
    if (dpop.nonces && nonce === undefined) return { ok: false, reason: 'proof_nonce_due' }
    if (age > limits.before || age < -limits.after) return { ok: false, reason: 'proof_stale' }
    const until = dpop.nonces ? now + nonceLife : (proof.iat + limits.before + 1) * 1000
    const sort = demand.bound === undefined ? 'new-token-proof' : 'proof'
    if (!(await facts.first(sort, idOf(proof), until))) return { ok: false, reason: 'proof_replayed' }
    return { ok: true, proof, nonce: nonce === 'previous' ? nonces.current() : undefined }
  }

  async function counted(rawHeaders: readonly string[], demand: ProofDemand): Promise<Judged> {
    const verdict = await judge(rawHeaders, demand)
    meters.proofs.of(verdict.ok ? 'good' : verdict.reason).value += 1
    return verdict
  }

  return {
    ofUse: ({ method, rawHeaders, url }, bound, host) =>
      counted(rawHeaders, { method, origin: host === undefined ? publicUrl : `${scheme}://${host}`, path: url, bound }),

    async ofBinding({ rawHeaders }, path, mode) {
      if (mode === 'off') return unbound
      if (mode === 'optional' && !bringsProof(rawHeaders)) return unbound
      const demand = { method: 'POST', origin: publicUrl, path: `${prefix}${path}`, bound: undefined }
      const verdict = await counted(rawHeaders, demand)
      return verdict.ok ? { ok: true, jkt: verdict.proof.jkt } : verdict
    },

    nonce: () => (dpop.mode !== 'off' && dpop.nonces ? nonces.current() : undefined),
  }
}

/** Of one proof of one key, whatever it was for. */
function idOf({ jkt, jti }: Proof): string {
  return createHash('sha256')
    .update(JSON.stringify(['proof', jkt, jti]))
    .digest('base64url')
    .slice(0, 22)
}
