import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeKeyFile } from '../src/keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../src/keys/generate.ts'
import type { World } from './contestant.ts'
import { startPeer } from './process.ts'

/** What stands around the contestants. */
export async function startWorld(crowd: number): Promise<World & { close(): Promise<void> }> {
  const keys = mkdtempSync(join(tmpdir(), 'postern-bench-keys-'))
  const activatesAt = Date.now()
  await writeKeyFile(keys, await generateSigningKey('ES256', { activatesAt }))
  await writeKeyFile(keys, generateSealingKey({ activatesAt }))
  const loginService = startPeer('./login-service.ts')
  const backend = startPeer('./backend.ts')
  return {
    loginService: await loginService.ask<string>('origin'),
    backend: await backend.ask<string>('origin'),
    keys,
    crowd,
    async close() {
      await loginService.stop()
      await backend.stop()
      rmSync(keys, { recursive: true, force: true })
    },
  }
}

export function machine(): string {
  const model = cpus()[0]?.model ?? 'unknown processor'
  const { platform, arch, versions } = process
  return `${model}, ${availableParallelism()} cores, ${platform} ${arch}, Node ${versions.node}, load ${loadavg()[0]?.toFixed(1)}`
}
