/** Milliseconds since the epoch. Time always comes in by argument, so that tests move it and `Date` is never patched. */
export type Clock = () => number

export const systemClock: Clock = () => Date.now()

/** The unit of every time claim in a JWT (RFC 7519 section 2, NumericDate), without the fraction. */
export function toSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}
