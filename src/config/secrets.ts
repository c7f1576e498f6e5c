import { Secret } from '../base/secret.ts'
import type { Spot } from './faults.ts'

/** Where secrets come from. Handed in, so that `parse` stays pure. Undefined: there is no such file or variable. */
export interface SecretSources {
  readFile(path: string): string | undefined
  env(name: string): string | undefined
}

export type SecretText = string | { readonly file: string } | { readonly env: string }

/** Said of a file that a configuration names. */
export const unreadable = 'this file cannot be read; is it there, and may this user read it?'

/** A secret that is always in a file, a final line break cut; undefined beside a fault. */
export function readSecretFile(spot: Spot, path: string, sources: SecretSources): Secret | undefined {
  const text = sources.readFile(path)?.replace(/\r?\n$/, '')
  if (text === undefined) spot.fault(unreadable)
  else if (text === '') spot.fault('this file is empty')
  return text === undefined || text === '' ? undefined : new Secret(text)
}

/** A text as it is written, or a secret from its file or variable. */
export function readSecretText(spot: Spot, value: SecretText, sources: SecretSources): string | Secret {
  if (typeof value === 'string') return value
  const text = 'file' in value ? sources.readFile(value.file)?.replace(/\r?\n$/, '') : sources.env(value.env)
  const [key, what] = 'file' in value ? ['file', 'this file'] : ['env', 'this environment variable']
  if (text === undefined)
    spot.at(key).fault(key === 'file' ? unreadable : `${what} is not set; set it, or name a file by { file: … }`)
  else if (text === '') spot.at(key).fault(`${what} is empty`)
  return new Secret(text ?? '')
}
