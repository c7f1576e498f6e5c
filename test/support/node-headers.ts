/** Headers as Node hands them over: every line as it came, and by name joined, but for Host, of which the first is kept. */
export function asNode(lines: readonly (readonly [string, string])[]): {
  readonly headers: Record<string, string>
  readonly rawHeaders: string[]
} {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [name, value] of lines) {
    const lower = name.toLowerCase()
    const before = headers[lower]
    headers[lower] = before === undefined ? value : lower === 'host' ? before : `${before}, ${value}`
  }
  return { headers, rawHeaders: lines.flat() }
}
