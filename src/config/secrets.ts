import { Secret } from '../base/secret.ts'
import type { Spot } from './faults.ts'

/** Where secrets come from. Handed in, so that `parse` stays pure. Undefined: there is no such file or variable. */
export interface SecretSources {
  readFile(path: string): string | undefined
  env(name: string): string | undefined
}

export type SecretText = string | { readonly file: string } | { readonly env: string }

/** A text as it is written, or a secret from its file or variable. */
export function readSecretText(spot: Spot, value: SecretText, sources: SecretSources): string | Secret {
  if (typeof value === 'string') return value
  const text = 'file' in value ? sources.readFile(value.file)?.replace(/\r?\n$/, '') : sources.env(value.env)
  const [key, what] = 'file' in value ? ['file', 'this file'] : ['env', 'this environment variable']
  if (text === undefined) spot.at(key).fault(key === 'file' ? `${what} cannot be read` : `${what} is not set`)
  else if (text === '') spot.at(key).fault(`${what} is empty`)
  return new Secret(text ?? '')
}
