import { inspect } from 'node:util'

const masked = '[secret]'

/**
 * A value that does not print, serialise or log itself: `String(s)`, `JSON.stringify(s)`, `util.inspect(s)` and pino
 * all show `[secret]`. `reveal()` is the only way out, so a search for it finds every place that handles the raw value.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return masked
  }

  toJSON(): string {
    return masked
  }

  [inspect.custom](): string {
    return masked
  }
}
