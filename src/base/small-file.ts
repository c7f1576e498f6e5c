import { constants, open } from 'node:fs/promises'

export type SmallFile =
  | { readonly ok: true; readonly text: string; readonly mode: number; readonly uid: number; readonly gid: number }
  | { readonly ok: false; readonly fault: 'is not a file' | 'is too large' | 'cannot be read' | 'is not there' }

/**
 * A file that is read again and again while requests run, whatever it has become meanwhile: a pipe nobody writes to would
 * hold one of the few threads for ever, a device has no end, and a file of a gigabyte does not fit. Never rejects.
 *
 * @param largest bytes
 */
export async function readSmallFile(file: string, largest: number): Promise<SmallFile> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const about = await handle.stat()
      if (!about.isFile()) return { ok: false, fault: 'is not a file' }
      if (about.size > largest) return { ok: false, fault: 'is too large' }
      // It may have grown since.
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(largest, about.size) + 1))
      if (bytesRead > about.size) return { ok: false, fault: 'is too large' }
      const { mode, uid, gid } = about
      return { ok: true, text: buffer.toString('utf8', 0, bytesRead), mode, uid, gid }
    } finally {
      await handle.close()
    }
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    return { ok: false, fault: isMissing ? 'is not there' : 'cannot be read' }
  }
}
