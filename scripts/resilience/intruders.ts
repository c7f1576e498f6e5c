import { setTimeout as wait } from 'node:timers/promises'
import { navigation } from '../../test/support/browser-client.ts'
import { ask, problemOf, waits } from './answers.ts'
import { pause, type ClientDeps } from './clients.ts'

/** Somebody without a session, or with a made-up one: never let in. */
export async function trespass(deps: ClientDeps): Promise<void> {
  const made = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"checked|c0"}').toString('base64url')}.`
  for (let count = 0; !deps.over(); count += 1) {
    await pause()
    const { phase } = deps.tally
    const headers = count % 2 === 0 ? {} : { cookie: `postern=${made}` }
    const answer = await ask(deps, '/app/nobody', 'GET', { ...headers, 'x-forwarded-user': 'checked|c0' })
    const failed = answer === undefined || answer.status >= 500
    const outcome = answer?.status === 401 ? 'refused' : failed ? 'failed' : 'wrong answer'
    deps.tally.note(phase, { outcome, what: 'nobody GET', ...problemOf(answer) })
  }
}

/** Tries the cookies of sessions that were signed out at every replica by itself, until everything ends. */
export async function haunt(deps: ClientDeps, ports: () => readonly number[]): Promise<void> {
  while (!deps.over()) {
    await wait(500)
    for (const { cookies, what } of deps.situation.signedOut()) {
      for (const port of ports()) {
        const [phase, at] = [deps.tally.phase, Date.now()]
        const there = { ...deps, origin: `http://127.0.0.1:${port}` }
        const answer = await ask(there, '/app/ghost', 'GET', { ...cookies, ...navigation })
        // Stopped meanwhile.
        if (answer === undefined && !ports().includes(port)) continue
        const refused = answer?.status === 303 || answer?.status === 401 || waits(answer, at, deps.situation)
        const outcome = refused ? 'refused' : answer === undefined || answer.status >= 500 ? 'failed' : 'wrong answer'
        deps.tally.note(phase, { outcome, what, ...problemOf(answer) })
      }
    }
  }
}
