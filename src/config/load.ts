import { readdirSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { PosternError } from '../base/errors.ts'
import type { Config } from './config.ts'
import { applyEnvironment } from './environment.ts'
import { createReport, formatPath, type Fault } from './faults.ts'
import { isPlainObject, plainJson } from './json.ts'
import type { Options } from './options.ts'
import { defaultListen, parse } from './parse.ts'
import type { PageFiles } from './pages.ts'
import { readYaml, type Position, type YamlReading } from './yaml-file.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The configuration of a YAML file, with the environment's overrides put over it. Relative paths in either, secret files
 * among them, count from the folder of the file.
 *
 * @throws PosternError `POSTERN_CONFIG_UNREADABLE` when the file is missing or cannot be read
 * @throws PosternError `POSTERN_CONFIG_INVALID` with every fault on a line of its own, such as
 *   `postern.yaml:12:5 session.tokenTtl: must be at most …`
 */
export function loadConfigFile(file: string, { env = process.env }: { readonly env?: Environment } = {}): Config {
  const text = readConfigFile(file)
  const yaml = readYaml(text)
  if (!yaml.ok) throw invalid(yaml.faults.map(({ line, column, message }) => `${file}:${line}:${column} ${message}`))
  const folder = dirname(resolve(file))
  const readFile = (path: string) => readText(resolve(folder, path))
  const report = createReport()
  // Aliases can make a value that holds itself.
  const plain = plainJson(yaml.value, report.top)
  if (report.faults.length > 0) throw invalid(located(report.faults, file, yaml, new Map()))
  const { value, setBy, faults } = applyEnvironment(plain, { env, readFile })
  const result = parse(value, { readFile, env: (name) => env[name] }, pageFiles(folder))
  if (result.ok && faults.length === 0) return anchored(result.config, folder)
  throw invalid([...faults, ...located(result.ok ? [] : result.faults, file, yaml, setBy)])
}

/**
 * Where to ask a gateway that runs with this file for its health. Nothing else is judged, and no secret is read: a fault in
 * the file says nothing of who has read it before.
 *
 * @throws PosternError `POSTERN_CONFIG_UNREADABLE` when the file is missing or cannot be read
 */
export function loadAdminAddress(
  file: string,
  { env = process.env }: { readonly env?: Environment } = {},
): Pick<Config['listen'], 'adminHost' | 'adminPort'> {
  const yaml = readYaml(readConfigFile(file))
  const written = yaml.ok && isPlainObject(yaml.value) ? yaml.value['listen'] : undefined
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('POSTERN_LISTEN__')))
  const readFile = (path: string) => readText(resolve(dirname(resolve(file)), path))
  const { value } = applyEnvironment({ listen: isPlainObject(written) ? written : {} }, { env: own, readFile })
  const { adminHost, adminPort } = (value as { readonly listen: Readonly<Record<string, unknown>> }).listen
  return {
    adminHost: typeof adminHost === 'string' ? adminHost : defaultListen.adminHost,
    adminPort: Number.isInteger(adminPort) ? (adminPort as number) : defaultListen.adminPort,
  }
}

/**
 * The configuration of options given in code. Secrets come from real files and the real environment; relative paths
 * count from the working directory. The environment overrides nothing here.
 *
 * @throws PosternError `POSTERN_CONFIG_INVALID` with every fault on a line of its own
 */
export function parseOptions(options: Options): Config {
  const sources = { readFile: readText, env: (name: string) => process.env[name] }
  const result = parse(options, sources, pageFiles('.'))
  if (!result.ok) throw invalid(result.faults.map(sentence))
  return result.config
}

function readConfigFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    throw new PosternError('POSTERN_CONFIG_UNREADABLE', `${file} ${missing ? 'does not exist' : 'cannot be read'}.`, {
      cause,
    })
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** @param folder that relative paths count from */
function pageFiles(folder: string): PageFiles {
  return {
    readFile: (path) => unlessMissing(() => readFileSync(resolve(folder, path))),
    list: (path) => unlessMissing(() => readdirSync(resolve(folder, path)).toSorted()),
  }
}

function unlessMissing<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** In the order of the file. */
function located(
  faults: readonly Fault[],
  file: string,
  yaml: Extract<YamlReading, { ok: true }>,
  setBy: ReadonlyMap<string, string>,
): readonly string[] {
  return faults
    .map((fault) => ({ fault, position: yaml.locate(fault.path) }))
    .toSorted((one, other) => before(one.position, other.position))
    .map(({ fault, position: { line, column } }) => {
      const where = variableAt(fault.path, setBy) ?? `${file}:${line}:${column}`
      return `${where} ${sentence(fault)}`
    })
}

function before(one: Position, other: Position): number {
  return one.line - other.line || one.column - other.column
}

/** The variable that set this place or one that it lies in. */
function variableAt(path: Fault['path'], setBy: ReadonlyMap<string, string>): string | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const variable = setBy.get(formatPath(path.slice(0, length)))
    if (variable !== undefined) return variable
  }
  return undefined
}

function sentence({ path, message }: Fault): string {
  return path.length === 0 ? `the configuration ${message}` : `${formatPath(path)}: ${message}`
}

function invalid(faults: readonly string[]): PosternError {
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`
  return new PosternError(
    'POSTERN_CONFIG_INVALID',
    `The configuration has ${count}.\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
  )
}

function anchored(config: Config, folder: string): Config {
  const { keys, revocations } = config
  return Object.freeze({
    ...config,
    keys: Object.freeze({ ...keys, dir: resolve(folder, keys.dir) }),
    revocations: Object.freeze({
      file: revocations.file === undefined ? undefined : resolve(folder, revocations.file),
    }),
  })
}
