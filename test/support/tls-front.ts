import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'

export interface Certificate {
  readonly key: string
  readonly cert: string
  /** Digest of the public key, as Chromium takes it. */
  readonly spki: string
}

/** A certificate of nobody's for a few names, or undefined where there is no openssl. */
export function makeCertificate(names: readonly string[]): Certificate | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'postern-tls-'))
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const alternatives = `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const files = ['-keyout', keyFile, '-out', certFile]
  try {
    execFileSync(
      'openssl',
      ['req', '-x509', ...curve, ...files, '-days', '2', '-subj', `/CN=${names[0] ?? ''}`, '-addext', alternatives],
      { stdio: 'ignore' },
    )
    const [key, cert] = [readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8')]
    const der = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' })
    return { key, cert, spki: createHash('sha256').update(der).digest('base64') }
  } catch {
    return undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export interface TlsFront {
  readonly port: number
  /** Whom it hands connections to. */
  leadTo(port: number): void
  close(): Promise<void>
}

/** Ends TLS in front of a server that speaks plain http, and looks at nothing. */
export async function startTlsFront({ key, cert }: Certificate): Promise<TlsFront> {
  let target = 0
  const server = createServer({ key, cert, ALPNProtocols: ['http/1.1'] }, (socket) => {
    const behind = connect(target, '127.0.0.1')
    socket.pipe(behind).pipe(socket)
    socket.on('error', () => behind.destroy())
    behind.on('error', () => socket.destroy())
    socket.once('close', () => behind.destroy())
    behind.once('close', () => socket.destroy())
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  const open = new Set<{ destroy(): unknown }>()
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    leadTo: (port) => {
      target = port
      for (const socket of open) socket.destroy()
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}
