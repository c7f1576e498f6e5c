import { Secret } from '../base/secret.ts'
import type { Spot } from './faults.ts'
import { checkVariableName, fieldNames } from './parse-field.ts'
import { readSecretText, type SecretSources } from './secrets.ts'
import { fieldPattern } from './templates.ts'
import type { LoginUpstreamOptions } from './upstream-options.ts'
import type { FieldConfig } from './upstream.ts'

/** Secrets that the requests of one upstream fill in. A text in the file is kept as one too. */
export function parseSecrets(
  spot: Spot,
  { secrets = {}, login, secondStep, refresh }: LoginUpstreamOptions,
  fields: readonly FieldConfig[],
  sources: SecretSources,
): ReadonlyMap<string, Secret> {
  const names = new Set([
    ...fieldNames(fields),
    ...(secondStep?.fields ?? []).map(({ name }) => name),
    ...Object.keys(secondStep?.carry ?? {}),
    ...[login, secondStep, refresh].flatMap((call) => Object.keys(call?.values ?? {})),
  ])
  return new Map(
    Object.entries(secrets).map(([name, written]) => {
      const at = spot.at(name)
      checkVariableName(at, name, names)
      const value = readSecretText(at, written, sources)
      if (value === '') at.fault('must not be empty')
      const secret = typeof value === 'string' ? new Secret(value) : value
      if (!secret.reveal().isWellFormed()) at.fault('is not well-formed text')
      return [name, secret]
    }),
  )
}

/** A secret is the same at every call, so one that cannot be sent there is told at the start. */
export function checkSecretsFit(
  spot: Spot,
  template: string,
  secrets: ReadonlyMap<string, Secret>,
  unfit: RegExp,
): void {
  for (const [, name = ''] of template.matchAll(fieldPattern)) {
    const secret = secrets.get(name)
    if (secret !== undefined && unfit.test(secret.reveal())) {
      spot.fault(`cannot carry the secret \`{${name}}\`: it has characters that do not fit here`)
    }
  }
}
