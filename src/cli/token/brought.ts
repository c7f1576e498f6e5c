import { readCredentials, type CookieNames } from '../../life/credentials.ts'
import { CommandFault, exits } from '../faults.ts'
import { headerLine } from '../header-lines.ts'
import { readStdin } from '../stdin.ts'

/** A token as a person has it at hand: alone, or in a line of a request. */
export interface Brought {
  readonly token: string
  readonly carrier: 'alone' | 'cookie' | 'bearer' | 'dpop'
  /** The detached sealed cookie. */
  readonly sealed: string | undefined
  /** The tombstone. */
  readonly out: string | undefined
}

const compact = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2,4}$/

const usage = 'Give a token on stdin: alone, or as Cookie: NAME=VALUE, or as Authorization: Bearer TOKEN'

/** @throws CommandFault where there is no token on stdin */
export async function readBrought(names: CookieNames): Promise<Brought> {
  if (process.stdin.isTTY) throw new CommandFault(`${usage}. See: postern token --help`, exits.usage)
  const input = (await readStdin('a token, or a Cookie or Authorization line')).trim()
  if (compact.test(input)) return { token: input, carrier: 'alone', sealed: undefined, out: undefined }
  const lines = input.split(/\r?\n/).map((line) => headerLine(line))
  const values = (name: string) => lines.flatMap((line) => (line?.name === name ? [line.value] : []))
  const cookies = values('cookie')
  const [authorization] = values('authorization')
  if (lines.includes(undefined) || cookies.length + values('authorization').length === 0)
    throw new CommandFault(`What stands on stdin is no token. ${usage}`, exits.usage)
  const headers = {
    ...(cookies.length === 0 ? {} : { cookie: cookies.join('; ') }),
    ...(authorization === undefined ? {} : { authorization }),
  }
  const found = readCredentials(headers, [], names)
  switch (found.kind) {
    case 'cookie':
      return { token: found.token, carrier: 'cookie', sealed: found.sealed, out: found.out }
    case 'bearer':
      return { token: found.token, carrier: found.scheme, sealed: undefined, out: undefined }
    case 'conflict':
      throw new CommandFault('There are two credentials of ours; the gateway refuses that as duplicate_credentials.')
    case 'none':
      throw new CommandFault(
        authorization === undefined
          ? `There is no cookie ${names.name} in it.`
          : 'Only the schemes Bearer and DPoP are ours; another one the gateway leaves alone.',
      )
  }
}
