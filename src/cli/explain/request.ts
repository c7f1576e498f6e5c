import { CommandFault, exits } from '../faults.ts'

export interface Target {
  readonly method: string
  /** Undefined: that of the public URL. */
  readonly scheme: 'http' | 'https' | undefined
  /** `ws:` or `wss:`: a WebSocket is to be opened. */
  readonly opensSocket: boolean
  /** As it would stand in `Host`; undefined: that of the public URL. */
  readonly host: string | undefined
  /** Path and query exactly as they were given: nothing here may mend them. */
  readonly target: string
}

/** @throws CommandFault for what is neither an address nor a path */
export function readTarget(method: string, address: string): Target {
  if (!/^[A-Za-z][A-Za-z-]{0,31}$/.test(method))
    throw new CommandFault(`${JSON.stringify(method)} is no method. ${usage}`, exits.usage)
  const upper = method.toUpperCase()
  if (upper === 'CONNECT' || upper === 'TRACE')
    throw new CommandFault(`${upper} is refused by every gateway with 405, whatever the address is.`, exits.usage)
  if (address.startsWith('/'))
    return { method: upper, scheme: undefined, opensSocket: false, host: undefined, target: address }
  const match = /^(https?|wss?):\/\/([^/?#\s@\\]+)((?:[/?#].*)?)$/is.exec(address)
  if (match === null)
    // Not repeated: it may hold a user name and a password.
    throw new CommandFault(`That is neither an address without a user name nor a path. ${usage}`, exits.usage)
  const [, written = '', host = '', rest = ''] = match
  const scheme = written.toLowerCase()
  const opensSocket = scheme.startsWith('ws')
  if (opensSocket && upper !== 'GET')
    throw new CommandFault(`A WebSocket is opened with GET (RFC 6455 section 4.1), not with ${upper}.`, exits.usage)
  return {
    method: upper,
    scheme: scheme === 'http' || scheme === 'ws' ? 'http' : 'https',
    opensSocket,
    host: host.toLowerCase(),
    target: rest.startsWith('/') ? rest : `/${rest}`,
  }
}

export const usage =
  'Usage: postern explain METHOD URL, such as: postern explain GET /admin. See: postern explain --help'
