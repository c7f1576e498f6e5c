import { mostSeries, others } from '../base/series.ts'
import type { Family, Sample, Snapshot } from './family.ts'

/** Of one family. A series of a histogram has a sample for each bound, its sum and its count. */
const mostSamples = { counter: mostSeries, histogram: 20 * mostSeries }

/** What is left of processes that have ended. */
export interface Departed {
  /** One ended, and this is the last that is known of it. */
  add(last: Snapshot): void
  snapshot(): Snapshot
}

/**
 * What only grows stays counted when the process that counted it has gone: a total that falls looks to Prometheus like a
 * start from 0, and all of it would count as new. What a gone process has, remembers or waits for is gone with it. Labels
 * are bounded as in a process that lives, for keys come and go.
 */
export function createDeparted(): Departed {
  const families = new Map<string, { readonly family: Family; readonly samples: Map<string, Sample> }>()

  function addTo(samples: Map<string, Sample>, sample: Sample, most: number): void {
    const key = keyOf(sample)
    const before = samples.get(key)
    if (before !== undefined) samples.set(key, { ...sample, value: before.value + sample.value })
    else if (samples.size < most || isFolded(sample)) samples.set(key, sample)
    else addTo(samples, folded(sample), most)
  }

  return {
    add(last) {
      for (const family of last) {
        if (family.type === 'gauge') continue
        const { samples } = families.get(family.name) ?? { samples: new Map<string, Sample>() }
        for (const sample of family.values) addTo(samples, sample, mostSamples[family.type])
        families.set(family.name, { family, samples })
      }
    },
    snapshot: () =>
      Array.from(families.values(), ({ family, samples }) => ({ ...family, values: [...samples.values()] })),
  }
}

/** Whatever the order of the labels is. */
function keyOf({ metricName, labels }: Sample): string {
  return JSON.stringify([metricName, Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1))])
}

const bound = 'le'

function folded(sample: Sample): Sample {
  const labels = Object.entries(sample.labels).map(([name, value]) => [name, name === bound ? value : others] as const)
  return { ...sample, labels: Object.fromEntries(labels) }
}

function isFolded({ labels }: Sample): boolean {
  return Object.entries(labels).every(([name, value]) => name === bound || value === others)
}
