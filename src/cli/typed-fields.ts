import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Secret } from '../base/secret.ts'
import type { FieldConfig } from '../config/upstream.ts'
import { CommandFault, exits } from './faults.ts'

/** Asks for the values of fields, again and again for later steps. */
export interface FieldReader {
  read(fields: readonly FieldConfig[]): Promise<ReadonlyMap<string, Secret>>
  close(): void
}

/** At a terminal the person is asked, and passwords are not shown. Otherwise stdin holds a `name=value` line for each. */
export async function createFieldReader(): Promise<FieldReader> {
  return process.stdin.isTTY ? terminalReader() : linesReader(await text(process.stdin))
}

function linesReader(input: string): FieldReader {
  const values = new Map<string, string>()
  for (const line of input.split(/\r?\n/)) {
    const equals = line.indexOf('=')
    if (equals > 0) values.set(line.slice(0, equals).trim(), line.slice(equals + 1))
  }
  return {
    read: (fields) => {
      const missing = fields
        .filter(({ name, required }) => required && !values.has(name))
        .map(({ name }) => `${name}=…`)
      if (missing.length > 0) {
        throw new CommandFault(`Give these on stdin, a line each: ${missing.join('  ')}`, exits.usage)
      }
      return Promise.resolve(new Map(fields.map(({ name }) => [name, new Secret(values.get(name) ?? '')])))
    },
    close: () => undefined,
  }
}

function terminalReader(): FieldReader {
  let hidden = false
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!hidden) process.stderr.write(chunk)
      done()
    },
  })
  const terminal = createInterface({ input: process.stdin, output, terminal: true })
  return {
    async read(fields) {
      const typed = new Map<string, Secret>()
      for (const { name, label, type } of fields) {
        process.stderr.write(`${label}: `)
        hidden = type === 'password'
        typed.set(name, new Secret(await terminal.question('')))
        if (hidden) process.stderr.write('\n')
        hidden = false
      }
      return typed
    },
    close: () => terminal.close(),
  }
}
