/**
 * A bounded memory of verified tokens, so that a token seen before costs one look-up instead of one signature check.
 * It is a cache and nothing else: losing it loses nothing but time. What ends an entry (`exp`, revocation, a removed
 * key) is judged by the caller at every look-up.
 *
 * An entry answers for one exact string. ECDSA and EdDSA tokens have other spellings that verify as well, so a string
 * that differs in any character is a stranger here and is verified in full (security.md TV-20).
 */
export interface TokenMemo<V> {
  get(token: string): V | undefined
  set(token: string, value: V): void
  readonly size: number
}

export interface MemoLimits {
  /** Entries kept at most. Default: 20,000. */
  readonly entries?: number
  /** Characters of tokens kept at most. Default: 32 Mi. */
  readonly characters?: number
}

interface Entry<V> {
  readonly token: string
  readonly value: V
}

/**
 * Two generations: new entries go to the young one; when it is half of the limit it becomes the old one, and what was
 * in the old one and not asked for since is dropped. No list to keep in order on a hit.
 */
export function createTokenMemo<V>(limits: MemoLimits = {}): TokenMemo<V> {
  const halfEntries = Math.max(1, Math.floor((limits.entries ?? 20_000) / 2))
  const halfCharacters = Math.floor((limits.characters ?? 32 * 1024 * 1024) / 2)
  let young = new Map<number, Entry<V>>()
  let old = new Map<number, Entry<V>>()
  let youngCharacters = 0

  function put(key: number, entry: Entry<V>): void {
    if (young.size >= halfEntries || youngCharacters + entry.token.length > halfCharacters) {
      old = young
      young = new Map()
      youngCharacters = 0
    }
    young.set(key, entry)
    youngCharacters += entry.token.length
  }

  return {
    get(token) {
      const key = tail(token)
      const hit = young.get(key)
      if (hit !== undefined) return hit.token === token ? hit.value : undefined
      const older = old.get(key)
      if (older === undefined || older.token !== token) return undefined
      old.delete(key)
      put(key, older)
      return older.value
    },
    set(token, value) {
      if (token.length > halfCharacters) return
      // A slice of the Cookie header would keep the whole header alive.
      const copy = Buffer.from(token, 'latin1').toString('latin1')
      put(tail(copy), { token: copy, value })
    },
    get size() {
      return young.size + old.size
    },
  }
}

/**
 * The end of the signature as a number: as good as random. A string made for the look-up would have to be hashed every
 * time. Where two tokens have the same number, the one seen last has the entry.
 */
function tail(token: string): number {
  let number = 0
  for (let index = Math.max(0, token.length - 8); index < token.length; index += 1) {
    number = (Math.imul(number, 31) + token.charCodeAt(index)) | 0
  }
  return number
}
