import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseOptions } from '../config/load.ts'
import { sampleApp, type SampleClaims } from '../demo/app.ts'
import { startLoginService } from '../demo/login-service.ts'
import { demoOptions } from '../demo/options.ts'
import { loadKeyFolder, writeKeyFile } from '../keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../keys/generate.ts'
import { defaultAlgorithm } from '../keys/algorithms.ts'
import { createLogger } from '../observe/logger.ts'
import { createServer } from '../server.ts'
import { helpText } from './command.ts'
import { CommandFault, exits, type Exit } from './faults.ts'
import { closeOnSignals, listenOrClose } from './lifecycle.ts'

export const help = helpText({
  purpose: 'postern demo: a gateway, a sample login service and a sample app, ready to try',
  usage: ['[PORT=8080] postern demo'],
  about: `
Everything in one process on this machine, with keys of its own that no other gateway takes.
It prints an address to open and whom to sign in as. Ctrl-C ends it, and nothing is left behind.`,
  options: [['PORT', 'in the environment: the port (default: 8080)']],
  example: ['PORT=8081 postern demo'],
  exits: '0 ended by a signal, 1 the port cannot be had, 2 bad usage.',
})

/** `postern demo`: everything in one process, on loopback, with keys that nothing else takes. */
export async function run(args: string[]): Promise<Exit> {
  if (args.length > 0)
    throw new CommandFault('postern demo takes no arguments; PORT in the environment changes the port.', exits.usage)
  const port = portFrom(process.env['PORT'])
  const dir = await mkdtemp(join(tmpdir(), 'postern-demo-'))
  const activatesAt = Date.now()
  await writeKeyFile(dir, await generateSigningKey(defaultAlgorithm, { activatesAt, demo: true }))
  await writeKeyFile(dir, generateSealingKey({ activatesAt, demo: true }))
  const keys = await loadKeyFolder(dir, { allowDemo: true })

  const service = await startLoginService()
  const options = demoOptions({ port, loginOrigin: service.origin })
  // A free admin port: the usual one may belong to a gateway that is really used on this machine.
  const config = parseOptions({ ...options, listen: { ...options.listen, adminPort: 0 }, keys: { dir } })
  const log = createLogger(config.log.level)
  const address = config.publicUrl
  const server = createServer<SampleClaims>(config, { keys, log, app: (postern) => sampleApp(postern, { address }) })
  try {
    await listenOrClose(server, 'Choose another: PORT=8081 npm start')
  } catch (error) {
    await service.close()
    await rm(dir, { recursive: true, force: true })
    throw error
  }
  closeOnSignals({
    async close() {
      await server.close()
      await service.close()
      await rm(dir, { recursive: true, force: true })
    },
    timeout: config.shutdownTimeout,
    log,
  })
  // Not before: whoever reads it may end it at once.
  process.stdout.write(words(address, service.origin, dir))
  return exits.good
}

function portFrom(text: string | undefined): number {
  if (text === undefined || text === '') return 8080
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new CommandFault(`PORT must be a number from 1 to 65535.`, exits.usage)
  return port
}

function words(address: string, service: string, dir: string): string {
  return `
  Postern demo, ready at   ${address}

  Sign in as               john / password123
                           ada  / password123   (may open /admin)

  Sample login service     ${service}
  Keys for this run        ${dir}   (gone when it ends; postern serve refuses them)

  Try it as a program:

    curl -i ${address}/protected

    TOKEN=$(curl -s ${address}/_auth/login -H 'content-type: application/json' -d '{"username":"john","password":"password123"}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')

    curl ${address}/protected -H "authorization: Bearer $TOKEN"

  Ctrl+C ends it.

`
}
