/** Keys and indexes from the top of the configuration. */
export type Path = readonly (string | number)[]

/** What is wrong at one place and what to do about it. The message never quotes a value: it might be a secret. */
export interface Fault {
  readonly path: Path
  readonly message: string
}

/** A place in the configuration, at which faults are noted. Parsing goes on after a fault, so that all are found. */
export interface Spot {
  readonly path: Path
  at(...keys: Path): Spot
  fault(message: string): void
  /** Whether nothing is noted here or below. What is unsound is not looked into further: its faults would be echoes. */
  isSound(): boolean
}

/** The top of a configuration, and all that is noted below it, each once. */
export function createReport(): { readonly top: Spot; readonly faults: readonly Fault[] } {
  const faults: Fault[] = []
  const spotAt = (path: Path): Spot => ({
    path,
    at: (...keys) => spotAt([...path, ...keys]),
    fault(message) {
      const known = faults.some((fault) => fault.message === message && formatPath(fault.path) === formatPath(path))
      if (!known) faults.push({ path, message })
    },
    isSound: () => !faults.some((fault) => path.every((key, index) => fault.path[index] === key)),
  })
  return { top: spotAt([]), faults }
}

/** Such as `routes[0].path` or `upstreams.accounts.present.headers["X-Api-Key"]`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((before, key) => {
    if (typeof key === 'number') return `${before}[${key}]`
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(key)) return `${before}[${JSON.stringify(key)}]`
    return before === '' ? key : `${before}.${key}`
  }, '')
}

/** Such as `` `json`, `jwt` and `header` ``. */
export function listed(names: Iterable<string>, last: 'and' | 'or' = 'and'): string {
  const quoted = [...names].map((name) => `\`${name}\``)
  const end = quoted.pop()
  if (end === undefined) return 'none'
  return quoted.length === 0 ? end : `${quoted.join(', ')} ${last} ${end}`
}
