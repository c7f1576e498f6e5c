import { readFile } from 'node:fs/promises'
import { PosternError } from '../../base/errors.ts'
import { systemClock } from '../../base/clock.ts'
import type { Config } from '../../config/config.ts'
import { formatDuration } from '../../config/duration.ts'
import { agedKeys } from '../../keys/age.ts'
import { readingFaults, readKeyFolder, type FolderReading } from '../../keys/folder.ts'
import { keyRetention } from '../../keys/retention.ts'
import { familyRoles } from '../../keys/ring.ts'
import { readRevocations } from '../../life/revocation-file.ts'
import { reachable } from '../healthcheck.ts'
import { spanWords } from '../spans.ts'
import { ask } from './ask.ts'
import { findingsAbout, type Finding } from './finding.ts'

/** Open files that a busy gateway needs: two sockets for each request that is forwarded. */
const fewFiles = 4_096

/** Keys: whether they can be used at all, how old they are, and what comes next. */
export async function keyFindings(config: Config): Promise<readonly Finding[]> {
  const { ok, warn, fault } = findingsAbout('keys')
  const { dir, maxAge } = config.keys
  const reading: FolderReading = await readKeyFolder(dir)
  const faults = readingFaults(dir, reading)
  if (faults.length > 0)
    return faults.map((text) => {
      const [says = '', next] = text.split(/; (?=run: |make )/)
      return fault(says, next ?? 'postern keys list shows every file of the folder')
    })
  const now = systemClock()
  const roles = familyRoles(reading.keys, now, keyRetention(config))
  const findings = [roles.signing, roles.sealing].flatMap(({ current, roleOf, ordered }): Finding[] => {
    if (current === undefined) return []
    const count = (role: string) => [...roleOf.values()].filter((one) => one === role).length
    const next = ordered.find(({ kid }) => roleOf.get(kid) === 'next')
    const waits = next === undefined ? '' : `; ${next.kid} waits until ${new Date(next.activatesAt).toISOString()}`
    const age = spanWords(Math.max(0, now - current.activatesAt) / 1000)
    return [ok(`${current.kind}: ${current.kid} in use for ${age}, ${count('retired')} retired${waits}`)]
  })
  const expired = [...roles.signing.roleOf.values(), ...roles.sealing.roleOf.values()].filter(
    (role) => role === 'expired',
  )
  return [
    ...findings,
    ...agedKeys(reading.keys, maxAge, now).map((text) => {
      const [says = '', next = ''] = text.split('; make ')
      return warn(`${says}, longer than keys.maxAge (${formatDuration(maxAge)})`, `make ${next}`)
    }),
    ...(expired.length > 3
      ? [warn(`${expired.length} keys are needed by nothing any more`, 'take them away with: postern keys prune')]
      : []),
  ]
}

export async function revocationFindings({ revocations: { file } }: Config): Promise<readonly Finding[]> {
  const { ok, warn, fault } = findingsAbout('revocations')
  if (file === undefined)
    return [
      warn(
        'there is no revocations.file, so no session can be ended from here',
        'say revocations: { file: ./revocations.yaml }, and postern revoke writes it',
      ),
    ]
  try {
    const { notBefore, subjects, sessions } = await readRevocations(file)
    const all = notBefore === undefined ? '' : `, everyone until ${new Date(notBefore).toISOString()}`
    return [ok(`${file}: ${subjects.size} subjects, ${sessions.size} sessions${all}`)]
  } catch (error) {
    if (!(error instanceof PosternError)) throw error
    return [fault(inOneLine(error.message), 'put it right: a running gateway goes on with the list that it had')]
  }
}

export async function limitFindings(): Promise<readonly Finding[]> {
  const { ok, warn } = findingsAbout('open files')
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1]
  if (soft === undefined) return []
  if (soft === 'unlimited' || Number(soft) >= fewFiles) return [ok(`at most ${soft}`)]
  return [
    warn(
      `at most ${soft}: each request that is forwarded needs two, a WebSocket keeps them`,
      'raise it for the gateway: LimitNOFILE=65536 with systemd, --ulimit nofile=65536 with Docker',
    ),
  ]
}

/** Whether one runs on this machine; the other answers are read in its light. */
export async function processFindings({ listen }: Config, timeout: number): Promise<readonly Finding[]> {
  const { ok, warn } = findingsAbout('gateway')
  const admin = `http://${reachable(listen.adminHost)}:${listen.adminPort}`
  const answer = await ask(new URL('/readyz', admin), timeout)
  if (answer.ok && answer.status === 200) return [ok(`runs on this machine, ready at ${admin}`)]
  return [
    answer.ok
      ? warn(
          `${admin}/readyz answers ${answer.status}`,
          'is it starting or ending, or does something else listen there?',
        )
      : warn(
          `none answers on this machine at ${admin} (${answer.code})`,
          'if it is to run here: postern serve; look at its log',
        ),
  ]
}

function inOneLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '').join(' ')
}
