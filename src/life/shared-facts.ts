import { hkdfSync } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'
import type { Clock } from '../base/clock.ts'
import { proofOf, type Facts, type Predecessor, type Successor } from './facts.ts'
import type { SharedStore } from './shared-store.ts'

/**
 * Facts that processes have in common. Denials are known here, so that no request waits for the store; what is asked at a
 * renewal is asked there.
 *
 * @param own what this process knows by itself
 */
export function createSharedFacts(own: Facts, store: SharedStore, clock: Clock): Facts {
  store.hear((ending) => {
    if (ending.until <= clock()) return
    if ('sid' in ending) own.deny(ending.sid, ending.reason, ending.until)
    else own.cutOff(ending.sub, ending.at, ending.until)
  })
  return {
    get generation() {
      return own.generation
    },
    deny(sid, reason, until) {
      if (own.denied(sid) !== undefined) return
      own.deny(sid, reason, until)
      store.tell({ sid, reason, until })
    },
    denied: (sid) => own.denied(sid),
    cutOff(sub, at, until) {
      // An older one would take the place of it in the store.
      if ((own.cutOffOf(sub) ?? -1) > at) return
      own.cutOff(sub, at, until)
      store.tell({ sub, at, until })
    },
    cutOffOf: (sub) => own.cutOffOf(sub),
    async successor(of) {
      const known = await own.successor(of)
      if (known !== undefined) return known
      const text = await store.get(successorKey(of))
      return text === undefined ? undefined : open(text, of, clock())
    },
    async remember(of, successor, until) {
      await own.remember(of, successor, until)
      await store.put(successorKey(of), await seal({ ...successor, until }, of), until)
    },
    async claim(fingerprint, until) {
      if ((await own.claim(fingerprint, until)) === 'spent') return 'spent'
      const added = await store.add(refreshKey(fingerprint), 'taken', until)
      if (added.state === 'held') return added.value === 'spent' ? 'spent' : 'taken'
      return added.state === 'added' ? 'ours' : 'unknown'
    },
    release: (fingerprint) => store.remove(refreshKey(fingerprint)),
    async spend(fingerprint, until) {
      await own.spend(fingerprint, until)
      await store.put(refreshKey(fingerprint), 'spent', until)
    },
    first: async (sort, id, until) =>
      (await own.first(sort, id, until)) && (await store.add(`shown-${sort}:${id}`, '', until)).state !== 'held',
  }
}

const successorKey = ({ jti }: Predecessor) => `successor:${jti}`
const refreshKey = (fingerprint: string) => `refresh:${fingerprint}`

/** Only who brings the old cookie can open it, so the store holds nothing that signs anybody in. */
function keyOf(of: Predecessor): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', proofOf(of), '', 'postern successor', 32))
}

/** The store may keep it longer than we said, by a clock of its own. */
interface Kept extends Successor {
  readonly until: number
}

function seal(successor: Kept, of: Predecessor): Promise<string> {
  return new CompactEncrypt(Buffer.from(JSON.stringify(successor)))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .encrypt(keyOf(of))
}

async function open(text: string, of: Predecessor, now: number): Promise<Successor | undefined> {
  try {
    const { plaintext } = await compactDecrypt(text, keyOf(of), {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: ['A256GCM'],
      maxDecompressedLength: 0,
    })
    // Whoever sealed it had the cookie, which only a process of ours and its browser have.
    const { until, ...successor } = JSON.parse(Buffer.from(plaintext).toString()) as Kept
    return until > now ? successor : undefined
  } catch {
    return undefined
  }
}
