import type { Target } from './load.ts'

/** The bytes of each request to a target, made once. */
export function requestsOf({ path, heads }: Pick<Target, 'path' | 'heads'>): readonly Buffer[] {
  return heads.map((head) => {
    const lines = Object.entries(head).map(([header, value]) => `${header}: ${value}\r\n`)
    return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
  })
}
