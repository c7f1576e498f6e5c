import { Transform, type TransformCallback } from 'node:stream'

/**
 * Passes WebSocket frames on as they come, and knows where one ends (RFC 6455 section 5.2): a close frame of ours can
 * only stand between two of theirs.
 */
export class FrameBoundaries extends Transform {
  /** Bytes of the current frame that are still to come; the head itself while `head` is being gathered. */
  #remaining = 0
  #head: Buffer = Buffer.alloc(0)
  #closing: Buffer | undefined
  #done = false

  /** Sends a close frame at the next boundary, and nothing after it. */
  closeWith(code: number, reason: string): void {
    this.#closing = closeFrame(code, reason)
    if (this.#remaining === 0 && this.#head.length === 0) this.#finish()
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let offset = 0
    while (offset < chunk.length && !this.#done) {
      if (this.#remaining > 0) {
        const end = Math.min(chunk.length, offset + this.#remaining)
        this.push(chunk.subarray(offset, end))
        this.#remaining -= end - offset
        offset = end
      } else {
        offset = this.#readHead(chunk, offset)
      }
      if (this.#remaining === 0 && this.#head.length === 0 && this.#closing !== undefined) this.#finish()
    }
    done()
  }

  /** Gathers the head byte by byte: it may be cut anywhere. */
  #readHead(chunk: Buffer, offset: number): number {
    const byte = chunk.subarray(offset, offset + 1)
    this.#head = Buffer.concat([this.#head, byte])
    const length = payloadLength(this.#head)
    if (length !== undefined) {
      this.push(this.#head)
      this.#head = Buffer.alloc(0)
      this.#remaining = length
    }
    return offset + 1
  }

  #finish(): void {
    if (this.#done) return
    this.#done = true
    this.push(this.#closing)
    this.push(null)
  }
}

/** Undefined while the head is not whole. Masked frames carry four bytes more. */
function payloadLength(head: Buffer): number | undefined {
  const second = head[1]
  if (second === undefined) return undefined
  const short = second & 0x7f
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0
  const mask = (second & 0x80) === 0 ? 0 : 4
  if (head.length < 2 + extended + mask) return undefined
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
