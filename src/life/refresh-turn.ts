import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Secret } from '../base/secret.ts'
import type { Claim, Facts } from './facts.ts'

/** Milliseconds beyond what the calls may take. */
const toSpare = 40_000

/** Milliseconds between two looks at what another process is doing, and in all. */
const lookAgain = 50
const longestWait = 10_000

/**
 * While another process uses it there will be an answer soon, which everyone who waits here gets. The claim lasts longer
 * than the refresh and what else a provider is asked with it, should the process that holds it die meanwhile.
 *
 * @param timeout of one call, in milliseconds
 */
export async function claimRefreshToken(
  facts: Facts,
  fingerprint: string,
  timeout: number,
  clock: Clock,
  wait: (milliseconds: number) => Promise<unknown>,
): Promise<Claim> {
  for (let waited = 0; ; waited += lookAgain) {
    const claim = await facts.claim(fingerprint, clock() + 4 * timeout + toSpare)
    if (claim !== 'taken' || waited >= longestWait) return claim
    await wait(lookAgain)
  }
}

/** What a refresh token is known by: its digest, for the facts are told to others. */
export function fingerprintOf(refreshToken: Secret | undefined): string {
  return createHash('sha256')
    .update(refreshToken?.reveal() ?? '')
    .digest('base64url')
}
