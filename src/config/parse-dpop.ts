import type { DpopMode } from './config.ts'
import type { Spot } from './faults.ts'

/**
 * What one route or client asks for.
 *
 * @param usual `dpop.mode`
 */
export function parseDpop(spot: Spot, own: 'optional' | 'required' | undefined, usual: DpopMode): DpopMode {
  if (own !== undefined && usual === 'off')
    spot.fault(
      'no proof is looked at while `dpop.mode` is `off`; say `dpop: { mode: optional }` at the top, or take this out',
    )
  return own ?? usual
}
