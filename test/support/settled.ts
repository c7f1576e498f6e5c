import { setTimeout as wait } from 'node:timers/promises'

/** Resolves with a number once it has stopped changing: for what ends without an event. */
export async function settled(read: () => number): Promise<number> {
  let last = read()
  for (let unchanged = 0; unchanged < 12;) {
    await wait(25)
    const now = read()
    unchanged = now === last ? unchanged + 1 : 0
    last = now
  }
  return last
}

/** Resolves once something is so; how long that takes is of no matter. */
export async function eventually(is: () => boolean, what = 'it never came about'): Promise<void> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    if (is()) return
    await wait(10)
  }
  throw new Error(what)
}
