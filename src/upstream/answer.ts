import type { Dispatcher } from 'undici'
import { parseJson, type ParsedJson } from './json.ts'
import { readRetryAfter } from './retry-after.ts'
import { readSetCookies, type SetCookie } from './set-cookie.ts'

/** An answer, read to its end. */
export interface Answer {
  readonly status: number
  /** Milliseconds since the epoch. */
  readonly receivedAt: number
  /** By lower-case name, one entry a line. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly cookies: ReadonlyMap<string, SetCookie>
  /** Seconds that the service asks to wait. */
  readonly retryAfter: number | undefined
  /** Undefined where the body is not UTF-8: a token or a name is not taken from text that had to be guessed. */
  readonly text: string | undefined
  /** With a replacement character where the body is not UTF-8; for conditions only. */
  readonly looseText: string
  /** The body as JSON whatever its content type says; parsed when first asked for. */
  json(): ParsedJson
}

/** More bytes than an answer may have, or more pieces than one is sent in. */
export class AnswerTooLarge extends Error {}

/** Pieces of a body. One byte in each would make a megabyte a hundred of memory, and seconds of work. */
const mostPieces = 16_384

/**
 * Reads the body. Beyond the bound the connection is destroyed, so that the rest is not even received.
 *
 * @param maxResponse bytes
 * @param now milliseconds since the epoch
 * @throws AnswerTooLarge, or whatever the connection fails with
 */
export async function readAnswer(
  response: Dispatcher.ResponseData,
  maxResponse: number,
  now: () => number,
): Promise<Answer> {
  const { statusCode: status, body } = response
  const chunks: Buffer[] = []
  let length = 0
  // Destroying the stream makes it report that; by then nobody listens any more.
  body.on('error', () => undefined)
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxResponse || chunks.length >= mostPieces) throw new AnswerTooLarge()
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  const receivedAt = now()
  const headers = linesByName(response.headers)
  const text = decode(bytes)
  let parsed: ParsedJson | undefined
  return {
    status,
    receivedAt,
    headers,
    cookies: readSetCookies(headers.get('set-cookie') ?? [], receivedAt),
    retryAfter: readRetryAfter(
      [...(headers.get('retry-after') ?? []), ...(headers.get('x-retry-after') ?? [])],
      receivedAt,
    ),
    text,
    looseText: text ?? bytes.toString(),
    json: () => (parsed ??= text === undefined ? { value: undefined } : parseJson(text)),
  }
}

function linesByName(headers: Dispatcher.ResponseData['headers']): ReadonlyMap<string, readonly string[]> {
  const lines = new Map<string, readonly string[]>()
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) lines.set(name.toLowerCase(), typeof value === 'string' ? [value] : value)
  }
  return lines
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decode(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
