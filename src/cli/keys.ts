import { parseArgs } from 'node:util'
import { defaultAlgorithm, isSignatureAlgorithm, signatureAlgorithms } from '../keys/algorithms.ts'
import { readKeyFolder, writeKeyFile } from '../keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../keys/generate.ts'
import { defaultConfigFile, readConfig } from './config.ts'
import { existsSync } from 'node:fs'
import { CommandFault, exits, type Exit } from './faults.ts'

const options = { config: { type: 'string' }, dir: { type: 'string' }, alg: { type: 'string' } } as const

/** Without a configuration to ask. */
const fallback = { dir: './keys', publishAhead: 15 * 60_000 }

/** `postern keys generate`: one key of each family; the first ones are used at once, later ones after `publishAhead`. */
export async function run(args: string[]): Promise<Exit> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  if (positionals.length !== 1 || positionals[0] !== 'generate') {
    throw new CommandFault('Usage: postern keys generate [--dir DIR] [--alg ALG]', exits.usage)
  }
  const alg = values.alg ?? defaultAlgorithm
  if (!isSignatureAlgorithm(alg)) {
    throw new CommandFault(
      `${JSON.stringify(alg)} is not one of ${Object.keys(signatureAlgorithms).join(', ')}.`,
      exits.usage,
    )
  }
  const configured = await keySettings(values)
  const dir = values.dir ?? configured.dir
  const activatesAt = Date.now() + (await delay(dir, configured.publishAhead))
  const made = [await generateSigningKey(alg, { activatesAt }), generateSealingKey({ activatesAt })]
  for (const jwk of made) process.stdout.write(`${await writeKeyFile(dir, jwk)}  used from ${jwk.activatesAt}\n`)
  return exits.good
}

/** The folder may be given without any configuration: keys are often made before there is one. */
async function keySettings(values: { config?: string | undefined; dir?: string | undefined }) {
  const wanted = values.config !== undefined || (values.dir === undefined && existsSync(defaultConfigFile))
  return wanted ? (await readConfig(values.config)).keys : fallback
}

/** Where keys exist, verifiers and other replicas must see a new one before it is used (security.md KR-03). */
async function delay(dir: string, publishAhead: number): Promise<number> {
  if (!existsSync(dir)) return 0
  const { keys, faults } = await readKeyFolder(dir, { allowDemo: true })
  if (faults.length > 0)
    throw new CommandFault(`Nothing was made; put this right first.\n${faults.map((fault) => `  ${fault}`).join('\n')}`)
  return keys.length === 0 ? 0 : publishAhead
}
