import { request as requestHttp, type IncomingHttpHeaders } from 'node:http'
import { request as requestHttps } from 'node:https'
import { codeOf, given, within, type TlsTrust } from './connect.ts'

export type Asked =
  | {
      readonly ok: true
      readonly status: number
      readonly headers: IncomingHttpHeaders
      /** Its beginning. */
      readonly body: string
      readonly milliseconds: number
      /** Seconds by which its clock is ahead of ours, as far as `Date` tells; undefined: it does not say. */
      readonly skew: number | undefined
    }
  | { readonly ok: false; readonly code: string }

/** Characters of a body that are looked at. */
const most = 65_536

/** One GET on a connection of its own; no redirect is followed. Never rejects. @param timeout milliseconds */
export async function ask(
  url: URL,
  timeout: number,
  headers: Readonly<Record<string, string>> = {},
  trust: TlsTrust = {},
): Promise<Asked> {
  const { promise, resolve, reject } = Promise.withResolvers<Asked>()
  const startedAt = Date.now()
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  const request = send(url, {
    headers: { accept: '*/*', 'user-agent': 'postern-doctor', ...headers },
    agent: false,
    ...given(trust),
  })
  request.on('error', reject)
  request.on('response', (response) => {
    const answeredAt = Date.now()
    let body = ''
    response.setEncoding('utf8').on('error', reject)
    response.on('data', (chunk: string) => {
      body += chunk
      if (body.length > most) done()
    })
    response.on('end', done)
    function done(): void {
      const { statusCode: status = 0, headers: answered } = response
      const skew = skewOf(answered.date, (startedAt + answeredAt) / 2)
      resolve({
        ok: true,
        status,
        headers: answered,
        body: body.slice(0, most),
        milliseconds: answeredAt - startedAt,
        skew,
      })
      request.destroy()
    }
  })
  request.end()
  try {
    return await within(promise, timeout)
  } catch (error) {
    return { ok: false, code: codeOf(error) }
  } finally {
    request.destroy()
  }
}

/** `Date` has whole seconds, so on average it is half a second late (RFC 9110 section 6.6.1). */
function skewOf(date: string | undefined, now: number): number | undefined {
  const at = Date.parse(date ?? '')
  return Number.isNaN(at) ? undefined : Math.round((at + 500 - now) / 1000)
}
