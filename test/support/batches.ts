/** Does it for 0, 1, 2 … below `count`, a few at a time. */
export async function inBatches(count: number, size: number, work: (index: number) => Promise<unknown>): Promise<void> {
  for (let start = 0; start < count; start += size) {
    const batch = Array.from({ length: Math.min(size, count - start) }, (_, index) => work(start + index))
    await Promise.all(batch)
  }
}
