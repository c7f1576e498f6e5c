/**
 * Holds thousands of idle WebSockets through a gateway in a process of its own, and prints what they cost it, and that
 * they close when their session does: signed out, revoked, and at its absolute end.
 *
 *     node scripts/idle-sockets.ts [SESSIONS [SOCKETS-OF-EACH [SECONDS-IDLE]]]
 *
 * Each socket takes two files of the gateway: see `ulimit -n`. Status 1: one was refused, closed too early, or with
 * another code than 4401.
 */
import { measure } from './idle-sockets/measure.ts'

const [sessions = 50, perSession = 100, seconds = 20] = process.argv.slice(2).map(Number)
const figures = await measure({ sessions, perSession, idle: seconds * 1000 })
const { opened, residentEach, usedEach, idle, closedWhileIdle, signedOut, revoked, ended, codes } = figures

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`
const percent = (share: number) => `${(share * 100).toFixed(1)} %`
process.stdout.write(
  [
    `opened                    ${opened.open} for ${sessions} sessions, ${opened.refused} refused`,
    `time to open them         ${(opened.milliseconds / 1000).toFixed(1)} s, ${Math.round((opened.open / opened.milliseconds) * 1000)} a second`,
    `memory of each            ${kilobytes(residentEach)} resident, ${kilobytes(usedEach)} in use`,
    `processor while idle      ${percent(idle.all)} of one for ${seconds} s (${percent(idle.none)} with none open)`,
    `closed meanwhile          ${closedWhileIdle}`,
    `signed out: all closed    ${signedOut} ms after the answer`,
    `revoked: all closed       ${revoked} ms after the file was written`,
    `absolute end: closed      ${ended.earliest} to ${ended.latest} ms after it (${ended.sockets} sockets)`,
    `close codes               ${JSON.stringify(codes)}`,
    '',
  ].join('\n'),
)
const good =
  opened.refused === 0 && closedWhileIdle === 0 && ended.earliest >= 0 && codes[4401] === sessions * perSession
process.exitCode = good ? 0 : 1
