import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { PosternError } from '../../src/base/errors.ts'
import { loadConfigFile } from '../../src/config/load.ts'
import { generateSigningKey } from '../../src/keys/generate.ts'
import { parseKey } from '../../src/keys/key.ts'
import { parseRevocations } from '../../src/life/revocation-text.ts'
import { minimal } from '../config/samples.ts'
import type { Target } from './target.ts'

/* What an operator writes, or a program for them: files that are half written, mended by hand, or hostile. */

const words = (list: readonly string[], maxLength = 14) =>
  fc.array(fc.constantFrom(...list), { maxLength }).map((parts) => parts.join(''))

const untouched = Object.getOwnPropertyNames(Object.prototype).toSorted().join(' ')

function assertUnpolluted(): void {
  assert.equal(Object.getOwnPropertyNames(Object.prototype).toSorted().join(' '), untouched)
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
}

const file = joinPath(tmpdir(), `postern-fuzz-${process.pid}.yaml`)
process.once('exit', () => rmSync(file, { force: true }))

/** A configuration, or its faults; never anything else. */
function assertLoads(text: string, env: Readonly<Record<string, string>>): void {
  writeFileSync(file, text)
  try {
    assert.ok(Object.isFrozen(loadConfigFile(file, { env })))
  } catch (error) {
    assert.ok(error instanceof PosternError && error.code === 'POSTERN_CONFIG_INVALID', String(error))
    const [first = '', ...faults] = error.message.split('\n')
    assert.match(first, /^The configuration has (a fault|\d+ faults)\.$/)
    assert.ok(faults.length > 0)
    // Each begins with a line of the file, or with the variable that is at fault.
    for (const fault of faults)
      assert.ok(fault.startsWith(`  ${file}:`) ? /:\d+:\d+ \S/.test(fault) : /^ {2}POSTERN_\w*:? \S/.test(fault), fault)
  }
  assertUnpolluted()
}

const yamlWords = [
  '\n',
  '\n  ',
  '\n    ',
  ': ',
  '- ',
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  "'",
  '&a ',
  '*a',
  '<<: *a',
  '!!js/function ',
  '!!binary ',
  '? ',
  '|\n',
  '>\n',
  '# ',
  '---\n',
  '...\n',
  '%YAML 1.1\n',
  '\t',
  '~',
  'null',
  'true',
  '1e999',
  '0x10',
  '.nan',
  '__proto__',
  'constructor',
  'prototype',
  'polluted',
  'publicUrl',
  'upstreams',
  'accounts',
  'session',
  'tokenTtl',
  '5m',
  '-1s',
  '99999999999999999d',
  'routes',
  'path',
  'https://app.example.com',
  '{username}',
  '\ufeff',
  '\u0000',
  '\u2028',
]

export const configuration: Target = {
  name: 'configuration',
  promise: 'any text is a configuration, or coded faults each with its line; no other exception, nothing polluted',
  grammar: words(yamlWords, 30),
  words: yamlWords,
  runs: 150,
  check: (input) => assertLoads(input, {}),
}

const variableWords = [
  'POSTERN_',
  '__',
  '_',
  'SESSION',
  'TOKEN_TTL',
  'UPSTREAMS',
  'ACCOUNTS',
  'LOGIN',
  'ORIGIN',
  'ROUTES',
  '0',
  'PROTO',
  '__PROTO__',
  'CONSTRUCTOR',
  'PROTOTYPE',
  '_FILE',
  'PUBLIC_URL',
  'LISTEN',
  'PORT',
  'TRUSTED_PROXIES',
  '=',
  '\n',
  'https://a.example',
  '5m',
  'true',
  '8080',
  ',',
  'polluted',
  '/dev/null',
  ' ',
]
const plainFile = stringify(minimal)

export const environment: Target = {
  name: 'environment',
  promise:
    'any variables over a good file give a configuration or faults that name a variable or a line; nothing polluted',
  grammar: fc
    .array(words(variableWords, 8), { maxLength: 5 })
    .map((lines) => lines.map((line) => `POSTERN_${line}`).join('\n')),
  words: variableWords,
  runs: 50,
  check(input) {
    const entries = input.split('\n').flatMap((line) => {
      const equals = line.indexOf('=')
      const name = equals === -1 ? line : line.slice(0, equals)
      // What a system can have as a variable.
      return /^\w+$/.test(name) ? [[name, line.slice(name.length + 1).replaceAll('\0', '')] as const] : []
    })
    assertLoads(plainFile, Object.fromEntries(entries))
  },
}

const listWords = [
  'notBefore: ',
  'subjects:',
  'sessions:',
  '\n',
  '\n  ',
  'accounts|1: ',
  '2026-11-24T12:00:00Z',
  '2026-02-30T25:61:00Z',
  '+99:99',
  '{',
  '}',
  '[',
  ']',
  '&a ',
  '*a',
  '? ',
  '!!set ',
  '<<: *a',
  '__proto__: ',
  '"',
  '~',
  ', ',
  '#',
  '\t',
  '---\n',
]

export const revocations: Target = {
  name: 'revocations',
  promise: 'any text is a list whose times are times, or faults, soon',
  grammar: words(listWords, 20),
  words: listWords,
  runs: 2_000,
  check(input) {
    const result = parseRevocations(input)
    assertUnpolluted()
    if (!result.ok) return assert.ok(result.faults.length > 0)
    const { notBefore, subjects, sessions } = result.list
    for (const at of [notBefore ?? 0, ...subjects.values(), ...sessions.values()]) assert.ok(Number.isFinite(at))
  },
}

const good = await generateSigningKey('ES256', { activatesAt: 0 })
const secretPart = (good as unknown as Record<string, string>)['d'] ?? ''
const keyWords = [
  '"kty"',
  '"EC"',
  '"oct"',
  '"RSA"',
  '"OKP"',
  '"crv"',
  '"P-256"',
  '"alg"',
  '"none"',
  '"HS256"',
  '"d"',
  '"x"',
  '"use"',
  '"key_ops"',
  '"__proto__"',
  '"kid"',
  '"activatesAt"',
  '"2026-11-24T12:00:00Z"',
  '"k"',
  '"n"',
  ':',
  ',',
  '{',
  '}',
  '[',
  ']',
  'null',
  '1e999',
  '""',
]

export const keyFile: Target = {
  name: 'key-file',
  promise: 'any text is a key, or one sentence that holds nothing of the private part',
  grammar: fc
    .array(fc.constantFrom(...Object.entries(good)), { maxLength: 8 })
    .map((members) => JSON.stringify(Object.fromEntries(members))),
  words: keyWords,
  runs: 500,
  async check(input) {
    // Seeds stand for a real key where they say so: none is kept in a file.
    const text = input
      .replaceAll('<x>', good['x' as keyof typeof good] as string)
      .replaceAll('<y>', good['y' as keyof typeof good] as string)
      .replaceAll('<d>', secretPart)
    const result = await parseKey(text)
    assertUnpolluted()
    if (result.ok) assert.ok(result.key.kind === 'signing' || result.key.kind === 'sealing')
    else {
      assert.match(result.fault, /^[^\n]{3,300}$/)
      assert.ok(!result.fault.includes(secretPart.slice(0, 8)))
    }
  },
}
