import { readdirSync, readFileSync } from 'node:fs'

/** Files kept from clients, for backends, the login service, keys and the admin port: at most, and half of what is free. */
const mostKept = 256

/**
 * Connections of clients that the system's limit of open files has room for. Were there none left, nothing could be
 * accepted, and a process whose `/healthz` is not answered is ended by whoever watches it.
 *
 * @param each files that one of them may take: two where it is forwarded to a backend
 */
export function openFilesAllow(each: 1 | 2): { readonly limit: number; readonly connections: number } {
  try {
    const limit = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity)
    const free = limit - readdirSync('/proc/self/fd').length
    return { limit, connections: Math.max(1, Math.floor((free - Math.min(mostKept, free / 2)) / each)) }
  } catch {
    // Another system, which does not say.
    return { limit: Infinity, connections: Infinity }
  }
}
