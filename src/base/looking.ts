/**
 * Calls `look` again and again, `interval` milliseconds after the one before has ended, until it is closed. It keeps no
 * process alive.
 *
 * @param look never rejects
 */
export function keepLooking(look: () => Promise<void>, interval: number): { close(): void } {
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function wait(): void {
    timer = setTimeout(() => {
      void look().then(() => {
        if (!closed) wait()
      })
    }, interval).unref()
  }

  wait()
  return {
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}
