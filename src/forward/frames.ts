import { Transform, type TransformCallback } from 'node:stream'

/** Two bytes, eight of length and four of mask (RFC 6455 section 5.2). */
const longestHead = 14

/**
 * Passes WebSocket frames on as they come, and knows where one ends (RFC 6455 section 5.2): a close frame of ours can
 * only stand between two of theirs.
 */
export class FrameBoundaries extends Transform {
  /** Of the payload that is under way, the bytes still to come. */
  #remaining = 0
  /** The head that is being gathered: it may be cut anywhere. */
  readonly #head = Buffer.alloc(longestHead)
  #gathered = 0
  #closing: Buffer | undefined
  #done = false

  /** Sends a close frame at the next boundary, and nothing after it. */
  closeWith(code: number, reason: string): void {
    if (this.#closing !== undefined) return
    this.#closing = closeFrame(code, reason)
    if (this.#isBetween()) this.#finish()
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (!this.#done) {
      this.push(chunk.subarray(0, this.#read(chunk)))
      if (this.#closing !== undefined && this.#isBetween()) this.#finish()
    }
    done()
  }

  /** Where the bytes end that may be passed on: all of them, or up to the first boundary once a close frame waits. */
  #read(chunk: Buffer): number {
    let offset = 0
    while (offset < chunk.length) {
      if (this.#remaining > 0) {
        const step = Math.min(this.#remaining, chunk.length - offset)
        this.#remaining -= step
        offset += step
      } else {
        this.#head[this.#gathered] = chunk[offset] ?? 0
        this.#gathered += 1
        offset += 1
        const length = payloadLength(this.#head, this.#gathered)
        if (length !== undefined) {
          this.#gathered = 0
          this.#remaining = length
        }
      }
      if (this.#closing !== undefined && this.#isBetween()) break
    }
    return offset
  }

  #isBetween(): boolean {
    return this.#remaining === 0 && this.#gathered === 0
  }

  #finish(): void {
    if (this.#done) return
    this.#done = true
    this.push(this.#closing)
    this.push(null)
  }
}

/** Undefined while the head is not whole. Masked frames carry four bytes more. */
function payloadLength(head: Buffer, gathered: number): number | undefined {
  const second = head[1] ?? 0
  const short = second & 0x7f
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0
  const mask = (second & 0x80) === 0 ? 0 : 4
  if (gathered < 2 + extended + mask) return undefined
  if (extended === 2) return head.readUInt16BE(2)
  return extended === 8 ? Number(head.readBigUInt64BE(2)) : short
}

/** From a server, so unmasked (RFC 6455 section 5.5.1). */
function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason)
  const frame = Buffer.alloc(4 + text.length)
  frame[0] = 0x88
  frame[1] = 2 + text.length
  frame.writeUInt16BE(code, 2)
  text.copy(frame, 4)
  return frame
}
