/** The oldest Node that this runs on; `engines` of the manifest says the same. */
export const oldestNode = 24

/** @returns what to say where Node is older than that */
export function nodeTooOld(version: string): string | undefined {
  return Number.parseInt(version, 10) < oldestNode
    ? `Node ${oldestNode} or later is needed; this is ${version}.`
    : undefined
}
