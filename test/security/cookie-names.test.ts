import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { lastReason } from '../contract/refusal.ts'
import { BrowserClient } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { exchange, type RawAnswer } from '../wire/raw.ts'

/*
 * The attack: a sibling host, or a network in the middle of plain http, sets a cookie that some reader takes for ours.
 * Here it holds the attacker's own session, which is a good one: whoever were to look at it would sign the person in as
 * somebody else, and would not even notice.
 */

/** What a request with such a Cookie header may be taken for. Never the attacker. */
type Taken = 'the person' | 'nobody' | 'refused'

const statuses: Readonly<Record<Taken, number>> = { 'the person': 200, nobody: 401, refused: 400 }

/** GOOD and EVIL are pairs of our name and a token; NAME is our name alone, TOKEN the attacker's token. */
const headers: readonly (readonly [what: string, lines: readonly string[], taken: Taken])[] = [
  ['the good one alone', ['GOOD'], 'the person'],
  ['one of a longer path in front', ['EVIL; GOOD'], 'refused'],
  ['one of a shorter path behind', ['GOOD; EVIL'], 'refused'],
  ['one on a line of its own in front', ['EVIL', 'GOOD'], 'refused'],
  ['one on a line of its own behind', ['GOOD', 'EVIL'], 'refused'],
  ['the same twice', ['GOOD; GOOD'], 'refused'],
  ['an empty one in front', ['NAME=; GOOD'], 'refused'],
  ['an empty one behind', ['GOOD; NAME='], 'refused'],
  ['many between', [`EVIL; ${Array.from({ length: 100 }, (_, index) => `c${index}=v`).join('; ')}; GOOD`], 'refused'],
  ['no space between', ['EVIL;GOOD'], 'refused'],
  ['tabs between', ['EVIL;\tGOOD'], 'refused'],
  ['several spaces between', ['EVIL;   \t GOOD'], 'refused'],
  ['empty parts between', ['EVIL; ; ;; GOOD'], 'refused'],
  ['a space before the equals sign', ['NAME =TOKEN; GOOD'], 'the person'],
  ['a tab before the equals sign', ['NAME\t=TOKEN; GOOD'], 'the person'],
  ['a space behind the equals sign', ['NAME= TOKEN; GOOD'], 'refused'],
  ['a comma instead of a semicolon', ['a=b,EVIL; GOOD'], 'the person'],
  ['a comma behind the good one', ['GOOD,EVIL'], 'nobody'],
  ['an attribute as old clients sent them', ['$Version=1; GOOD; $Path=/'], 'the person'],
  ['our name as the value of another', ['a=NAME; GOOD'], 'the person'],
  ['our pair as the value of another', ['a=EVIL; GOOD'], 'the person'],
  ['our pair in quotes', ['a="EVIL"; GOOD'], 'the person'],
  ['our pair behind a quote and a semicolon', ['a="b; EVIL"; GOOD'], 'refused'],
  ['the value in quotes', ['NAME="TOKEN"; GOOD'], 'refused'],
  ['a cookie without a name, whose value is our pair', ['=EVIL; GOOD'], 'the person'],
  ['a cookie without a name or an equals sign', ['NAME; GOOD'], 'the person'],
  ['our name twice in one pair', ['NAME=NAME=TOKEN'], 'nobody'],
  ['an equals sign too many', ['NAME==TOKEN; GOOD'], 'refused'],
  ['the name in capitals', ['UPPER=TOKEN; GOOD'], 'the person'],
  ['one letter in another case', ['CASED=TOKEN; GOOD'], 'the person'],
  ['a letter before the name', ['xNAME=TOKEN; GOOD'], 'the person'],
  ['a letter behind the name', ['NAMEx=TOKEN; GOOD'], 'the person'],
  ['a dot behind the name', ['NAME.=TOKEN; GOOD'], 'the person'],
  ['brackets behind the name', ['NAME[]=TOKEN; NAME[0]=TOKEN; GOOD'], 'the person'],
  ['a dollar sign before the name', ['$NAME=TOKEN; GOOD'], 'the person'],
  ['the name encoded', ['ENCODED=TOKEN; GOOD'], 'the person'],
  ['the name in quotes', ['"NAME"=TOKEN; GOOD'], 'the person'],
  ['a no-break space before the name', ['\u00a0NAME=TOKEN; GOOD'], 'the person'],
  ['a no-break space behind the name', ['NAME\u00a0=TOKEN; GOOD'], 'the person'],
  ['a next-line character before the name', ['\u0085NAME=TOKEN; GOOD'], 'the person'],
  ['a wide space before the name', ['\u2000NAME=TOKEN; GOOD'], 'the person'],
  ['a byte order mark before the name', ['\ufeffNAME=TOKEN; GOOD'], 'the person'],
  ['the other prefix', ['OTHER=TOKEN; GOOD'], 'the person'],
  ['the prefix twice', ['__Host-NAME=TOKEN; GOOD'], 'the person'],
  ['the prefix of secure cookies', ['__Secure-NAME=TOKEN; GOOD'], 'the person'],
  ['the attacker under a name like ours, alone', ['CASED=TOKEN'], 'nobody'],
  ['the attacker in a cookie without a name, alone', ['=EVIL'], 'nobody'],
  ['the attacker behind a no-break space, alone', ['\u00a0NAME=TOKEN'], 'nobody'],
  ['the attacker as part of a value, alone', ['a=EVIL'], 'nobody'],
  ['two detached parts', ['GOOD; NAME-upt=a; NAME-upt=b'], 'refused'],
  ["a detached part of somebody's beside a whole one", ['GOOD; NAME-upt=TOKEN'], 'the person'],
]

const utf8: readonly BufferEncoding[] = ['utf8']
const bothEncodings: readonly BufferEncoding[] = ['latin1', 'utf8']

for (const { publicUrl, name } of [
  { publicUrl: undefined, name: 'postern' },
  { publicUrl: 'https://app.example.com', name: '__Host-postern' },
]) {
  describe(`CK-05 TV-17 under the name ${name}, with`, () => {
    let gateway: Gateway
    let good = ''
    let evil = ''
    before(async () => {
      gateway = await startGateway(publicUrl === undefined ? {} : { publicUrl })
      good = await tokenOf('john')
      evil = await tokenOf('ada')
    })
    after(() => gateway.close())

    async function tokenOf(username: string): Promise<string> {
      const client = new BrowserClient(gateway.origin)
      await client.signIn(username)
      return client.cookies.get(name) ?? ''
    }

    const filled = (text: string) =>
      text
        .replaceAll('GOOD', `${name}=${good}`)
        .replaceAll('EVIL', `${name}=${evil}`)
        .replaceAll('TOKEN', evil)
        .replaceAll('UPPER', name.toUpperCase())
        .replaceAll('CASED', name.replace('p', 'P'))
        .replaceAll('ENCODED', name.replace('p', '%70'))
        .replaceAll('OTHER', publicUrl === undefined ? '__Host-postern' : 'postern')
        .replaceAll('NAME', name)

    const ask = (path: string, lines: readonly string[], encoding: BufferEncoding): Promise<RawAnswer> => {
      const cookies = lines.map((line) => `Cookie: ${filled(line)}\r\n`).join('')
      return exchange(gateway, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${cookies}\r\n`, encoding)
    }

    for (const [what, lines, taken] of headers) {
      test(`${what}: ${taken}`, async () => {
        for (const encoding of lines.some((line) => /[^\u0000-\u00ff]/.test(line)) ? utf8 : bothEncodings) {
          const answer = await ask('/protected', lines, encoding)
          assert.equal(answer.status, statuses[taken], answer.text)
          if (taken === 'the person') assert.match(answer.body, /"subject":"accounts\|1"/)
          if (taken === 'refused') assert.equal(lastReason(gateway), 'duplicate_credentials')
          // The same where anybody may come in: a bad credential is not nobody, and no attacker either way.
          const open = await ask('/', lines, encoding)
          assert.doesNotMatch(open.body, /accounts\|2/)
          assert.doesNotMatch(answer.text + open.text, /set-cookie/i)
        }
      })
    }
  })
}
