import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { FrameBoundaries } from '../../src/forward/frames.ts'

/** A frame as an endpoint would make it (RFC 6455 section 5.2). */
function frame(length: number, masked: boolean, opcode: number): Buffer {
  const mask = masked ? 0x80 : 0
  const head =
    length < 126
      ? Buffer.from([opcode, mask | length])
      : length < 65_536
        ? Buffer.from([opcode, mask | 126, length >> 8, length & 255])
        : Buffer.concat([
            Buffer.from([opcode, mask | 127, 0, 0, 0, 0]),
            Buffer.from([length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255]),
          ])
  return Buffer.concat([head, masked ? Buffer.from('mask') : Buffer.alloc(0), Buffer.alloc(length, 'p')])
}

function cut(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const at = [0, ...cuts.map((one) => one % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}

async function passed(
  stream: FrameBoundaries,
  pieces: readonly Buffer[],
  before: (index: number) => void,
): Promise<Buffer> {
  const out: Buffer[] = []
  stream.on('data', (chunk: Buffer) => out.push(chunk))
  const ended = new Promise((resolve) => stream.once('end', resolve))
  for (const [index, piece] of pieces.entries()) {
    before(index)
    await new Promise<void>((resolve) => stream.write(piece, () => resolve()))
  }
  before(pieces.length)
  stream.end()
  await ended
  return Buffer.concat(out)
}

const frames = fc.array(
  fc.tuple(
    fc.oneof(fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536), fc.nat(300)),
    fc.boolean(),
    fc.constantFrom(0x81, 0x82, 0x01, 0x80, 0x89, 0x8a, 0xc1),
  ),
  {
    minLength: 1,
    maxLength: 6,
  },
)
const cuts = fc.array(fc.nat(), { maxLength: 8 })
const closing = Buffer.from([0x88, 6, 0x11, 0x31, ...Buffer.from('over')])

describe('frames', () => {
  test('pass as they are, wherever they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(frames, cuts, async (shapes, at) => {
        const bytes = Buffer.concat(shapes.map((shape) => frame(...shape)))
        assert.ok((await passed(new FrameBoundaries(), cut(bytes, at), () => undefined)).equals(bytes))
      }),
      { numRuns: 60 },
    )
  })

  test('PX-12 a close of ours stands between two of them, at the first place there is, and nothing after it', async () => {
    await fc.assert(
      fc.asyncProperty(frames, cuts, fc.nat(), async (shapes, at, when) => {
        const whole = shapes.map((shape) => frame(...shape))
        const pieces = cut(Buffer.concat(whole), at)
        const index = when % (pieces.length + 1)
        const stream = new FrameBoundaries()
        const out = await passed(stream, pieces, (one) => {
          if (one === index) stream.closeWith(4401, 'over')
        })
        const written = pieces.slice(0, index).reduce((sum, { length }) => sum + length, 0)
        let boundary = 0
        for (const { length } of whole) if (boundary < written) boundary += length
        assert.ok(out.equals(Buffer.concat([Buffer.concat(whole).subarray(0, boundary), closing])))
      }),
      { numRuns: 200 },
    )
  })

  test('a second close changes nothing', async () => {
    const stream = new FrameBoundaries()
    const out = await passed(stream, [frame(5, false, 0x81)], (index) => {
      if (index === 1) {
        stream.closeWith(4401, 'over')
        stream.closeWith(1001, 'away')
      }
    })
    assert.ok(out.equals(Buffer.concat([frame(5, false, 0x81), closing])))
  })

  test('a frame that never ends is never closed within', async () => {
    const stream = new FrameBoundaries()
    const half = frame(1000, false, 0x82).subarray(0, 500)
    const out = await passed(stream, [half], (index) => {
      if (index === 1) stream.closeWith(4401, 'over')
    })
    assert.ok(out.equals(half))
  })
})
