import { PosternError } from '../base/errors.ts'
import { keepLooking } from '../base/looking.ts'
import type { SmallFile } from '../base/small-file.ts'
import { listOf, readText, type ReadList } from './revocation-file.ts'
import type { RevocationList } from './revocations.ts'

/** Milliseconds between two looks at the file. What two of them find alike is in force: within about a second. */
const interval = 500

export interface RevocationWatch {
  /** Looks now, beside the looks that come by themselves. Never rejects. */
  look(): Promise<void>
  close(): void
}

/**
 * Follows the file while the process runs. It is read at every look: what could not be read once is read the next time,
 * and a swapped symlink, a rename over it and an edit are all seen. What two looks find alike is taken, so that nobody is
 * let in again by a list that is only half written. What cannot be used is reported once, and the list before it stays in
 * force; so too when a file that had something in it is gone or empty. When it is again what is in force already, that is
 * said too.
 *
 * @param first what is in force already. Default: nothing
 */
export function watchRevocations(
  file: string,
  onList: (list: RevocationList) => void,
  onFault: (message: string) => void,
  onGoodAgain: () => void = () => undefined,
  { text: first }: Pick<ReadList, 'text'> = { text: undefined },
): RevocationWatch {
  /** Of the list in force; undefined before the first one. */
  let inForce = first
  let seen: string | undefined
  let told: string | undefined
  let closed = false

  async function look(): Promise<void> {
    const found = await readText(file)
    if (closed) return
    const text = found.ok ? found.text : undefined
    const state = text ?? `\u0000${found.ok ? '' : found.fault}`
    const settled = state === seen
    seen = state
    if (!settled || state === told) return
    // A file that has never been there is an empty list.
    const isAbsent = !found.ok && found.fault === 'is not there'
    if (text === inForce && (text !== undefined || isAbsent)) {
      if (told !== undefined) onGoodAgain()
      told = undefined
      return
    }
    try {
      take(found)
      told = undefined
    } catch (error) {
      told = state
      onFault(
        `${error instanceof PosternError ? error.message : `${file} cannot be used.`} The list before it stays in force.`,
      )
    }
  }

  function take(found: SmallFile): void {
    // As a full disk leaves it behind.
    if (found.ok && found.text.trim() === '' && (inForce ?? '').trim() !== '')
      throw new PosternError('POSTERN_REVOCATIONS_INVALID', `${file}: is empty. Put it back; a list of nobody is {}.`)
    const list = listOf(file, found)
    onList(list)
    inForce = found.ok ? found.text : undefined
  }

  const looking = keepLooking(look, interval)
  return {
    look,
    close() {
      closed = true
      looking.close()
    },
  }
}
