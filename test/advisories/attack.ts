import { bearerToken } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { startRecordingBackend, type RecordingBackend } from '../support/recording-backend.ts'
import { exchange, type RawAnswer } from '../wire/raw.ts'

/** A gateway in front of a backend that records: `/public/` is for everybody, the rest for who is signed in. */
export interface Target {
  readonly gateway: Gateway
  readonly backend: RecordingBackend
  /** `Authorization: Bearer …` of an ordinary person. */
  readonly bearer: string
  /** @param line such as `GET /a`. @param head further lines */
  attack(line: string, ...head: readonly string[]): Promise<RawAnswer>
  /** The same with a body behind it, byte for byte. */
  attackWithBody(line: string, head: readonly string[], body: string): Promise<RawAnswer>
  close(): Promise<void>
}

export async function startTarget(): Promise<Target> {
  const backend = await startRecordingBackend()
  const gateway = await startGateway({
    face: 'server',
    options: () => ({
      identity: {
        headers: {
          'X-User': 'sub',
          'X-Role': 'roles',
          'Remote-Groups': 'roles',
          'X-Auth-User': 'sub',
          'X-Authenticated-User': 'sub',
        },
      },
      routes: [
        { path: '/public/', access: 'public', backend: backend.origin },
        { path: '/stripped/', access: 'public', stripPrefix: true, backend: backend.origin },
        { path: '/@staff/', require: { roles: 'admin' }, backend: backend.origin },
        { path: '/%7Bstaff%7D:all/', require: { roles: 'admin' }, backend: backend.origin },
        { path: '/administration/', require: { roles: 'admin' }, backend: backend.origin },
        { path: '/', backend: backend.origin },
      ],
    }),
  })
  const attackWithBody = (line: string, head: readonly string[], body: string) =>
    exchange(
      gateway,
      `${[`${line} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...head].join('\r\n')}\r\n\r\n${body}`,
    )
  return {
    gateway,
    backend,
    bearer: `Authorization: Bearer ${await bearerToken(gateway.origin)}`,
    attackWithBody,
    attack: (line, ...head) => attackWithBody(line, head, ''),
    async close() {
      await gateway.close()
      await backend.close()
    },
  }
}
