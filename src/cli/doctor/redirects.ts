import { ask, type Asked } from './ask.ts'

/** Where following an address leads to. */
export interface Trail {
  /** Every address asked, in order. */
  readonly steps: readonly string[]
  readonly end: 'answer' | 'loop' | 'too many' | 'nowhere'
  readonly last: Asked
}

/** Browsers give up after about twenty. */
const most = 10

/** Follows redirects as a browser without cookies does. */
export async function follow(
  start: URL,
  timeout: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<Trail> {
  const steps = [start.href]
  let url = start
  for (;;) {
    const last = await ask(url, timeout, headers)
    const location = last.ok && last.status >= 300 && last.status < 400 ? last.headers.location : undefined
    if (location === undefined) return { steps, end: last.ok ? 'answer' : 'nowhere', last }
    const next = URL.parse(location, url)
    if (next === null || !/^https?:$/.test(next.protocol)) return { steps: [...steps, location], end: 'nowhere', last }
    const seen = steps.includes(next.href)
    steps.push(next.href)
    if (seen) return { steps, end: 'loop', last }
    if (steps.length > most) return { steps, end: 'too many', last }
    url = next
  }
}
