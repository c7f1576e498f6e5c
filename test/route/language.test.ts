import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { languageFor } from '../../src/route/language.ts'

const available = ['en', 'de', 'es', 'de-AT', 'zh-Hant']

const table: readonly (readonly [header: string | undefined, language: string, why: string])[] = [
  [undefined, 'en', 'nothing is asked for'],
  ['', 'en', 'nothing is asked for'],
  ['de', 'de', 'it is there'],
  ['DE', 'de', 'case does not matter'],
  ['de-at', 'de-AT', 'nor in a region'],
  ['de-CH', 'de', 'a region is content with its language'],
  ['de-CH-1996', 'de', 'and so is more'],
  ['zh-Hant-TW', 'zh-Hant', 'as little as possible is taken off'],
  ['zh-Hans', 'en', 'nothing longer is guessed'],
  ['de-x-private', 'de', 'a single letter goes with what follows it'],
  ['fr, es;q=0.5', 'es', 'the next one'],
  ['fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5', 'en', 'in the order of weights'],
  ['en;q=0.2, de;q=0.9', 'de', 'not in that of the header'],
  ['de;q=0.8, es;q=0.8', 'de', 'of one weight the first'],
  ['de;q=1.000, es', 'de', 'a weight of 1 is the usual one'],
  ['de ; q=0.3 , es ; q=0.4', 'es', 'spaces mean nothing'],
  ['de;q=0, es;q=0.1', 'es', 'a weight of 0 is a no'],
  ['de;q=0', 'en', 'and then there is the usual one'],
  ['*', 'en', 'anything'],
  ['*, de;q=0.5', 'de', 'a range for all says nothing about which'],
  ['de;q=2, es', 'es', 'a weight is at most 1'],
  ['de;q=nine, es', 'es', 'or is none'],
  ['de;level=1, es', 'es', 'there is no other parameter'],
  ['<script>, es', 'es', 'what is no range is passed over'],
  ['toolonglanguage, es', 'es', 'so is a tag that is none'],
  ['de;level=1;q=1, es', 'es', 'not even with a weight'],
  ['de;q=1;level=1, es', 'es', 'nor behind one'],
  ['de;q=, es;q=0.1', 'es', 'a weight is a number'],
  ['de;xq=1, es;q=0.1', 'es', 'and nothing stands before it'],
  ['de;q=1x, es;q=0.1', 'es', 'or behind it'],
  ['de;q=1, es', 'de', 'a weight may have no fraction'],
  ['es;q=0.1, de;q=0.125', 'de', 'or one of three digits'],
  ['es;q=0, de;q=0., en;q=0.001', 'en', 'a no may be written in several ways'],
  ['de;q=0.1234, es;q=0.1', 'es', 'four digits are too many'],
  ['de-at!, es', 'es', 'a range is letters and digits to its end'],
  ['!de, es', 'es', 'and from its beginning'],
  ['de-*, es', 'es', 'a star stands alone'],
  [`${'fr,'.repeat(340)}  de`, 'de', '1,024 characters are read'],
  [`${'fr,'.repeat(340)}   de`, 'en', 'more than any browser sends are not'],
]

for (const [header, language, why] of table)
  test(`${JSON.stringify(header?.slice(0, 60))} gets ${language}: ${why}`, () => {
    assert.equal(languageFor(header, available, 'en'), language)
  })

test('whatever is sent, the answer is a language that there is', () => {
  const part = fc.constantFrom('de', 'en-US', 'fr', '*', ';q=0.5', ';q=0', ',', ' ', '-', 'x', '1')
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(part).map((parts) => parts.join('')),
      ),
      (header) => {
        assert.ok(available.includes(languageFor(header, available, 'en')))
      },
    ),
  )
})
