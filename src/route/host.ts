/** A host without the port that a client may write behind it. By hand: among many colons an expression would begin at each. */
export function withoutPort(host: string): string {
  const colon = host.lastIndexOf(':')
  return colon !== -1 && /^[0-9]*$/.test(host.slice(colon + 1)) ? host.slice(0, colon) : host
}
