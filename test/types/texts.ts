import type { Placeholder, TextKey, Texts } from '../../src/config/texts/catalogue.ts'
import type { english } from '../../src/config/texts/english.ts'
import { german } from '../../src/config/texts/german.ts'
import type { spanish } from '../../src/config/texts/spanish.ts'
import type { PageKit } from '../../src/http/pages/kit.ts'

/* Compiled, never run: every language says everything that English says, and nothing else. */

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

function holds<Claim extends true>(): Claim | undefined {
  return undefined
}

declare const kit: PageKit

export function languages(): void {
  holds<Same<keyof typeof english, TextKey>>()
  holds<Same<keyof typeof german, TextKey>>()
  holds<Same<keyof typeof spanish, TextKey>>()
  const { 'signIn.title': _, ...incomplete } = german
  // @ts-expect-error one key is missing
  const missing: Texts = incomplete
  // @ts-expect-error there is no such key
  const further: Texts = { ...german, 'signIn.nothing': 'nichts' }
  void [missing, further]
}

export function placeholders(): void {
  holds<Same<Placeholder<'signIn.lead'>, 'upstream'>>()
  holds<Same<Placeholder<'signIn.title'>, never>>()
  kit.fill('signIn.lead', { upstream: 'Accounts' })
  // @ts-expect-error nothing would be filled in
  kit.fill('signIn.lead', {})
  // @ts-expect-error the text has a place to fill in
  kit.text('signIn.lead')
}
