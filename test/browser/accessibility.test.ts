import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { launchChromium, missingChromium } from '../support/chromium.ts'
import { pageHeaders } from '../../src/http/pages/headers.ts'
import { englishStates, otherStates, pageStates, type PageState } from '../http/pages/states.ts'

/** What axe-core says of one rule. */
interface Violation {
  readonly id: string
  readonly help: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const widths = [320, 768, 1280]
const schemes = ['light', 'dark'] as const
const pages = new Map(pageStates.map((state) => [`/${state.name}`, state]))

/** The pages of refusals are one page with other words: some stand for all in every size, all of them in one. */
const stand = new Set(['error-unauthenticated', 'error-forbidden', 'error-not_found', 'error-internal'])
const thorough = ({ name }: PageState) => !name.startsWith('error-') || stand.has(name)

const server = createServer((request, response) => {
  const state = pages.get(request.url ?? '')
  if (state === undefined) return void response.writeHead(404).end()
  response
    .writeHead(200, pageHeaders({ secure: false, style: state.style }))
    // A page that goes on by itself at once has to stay; twenty hours are as good as never (WCAG 2.2, 2.2.1).
    .end(state.page.replace('content="0;url=', 'content="99999;url='))
})

const browser: Browser | undefined = await launchChromium()

describe('axe-core finds nothing', { skip: missingChromium(browser) }, () => {
  let origin = ''
  const tabs = new Map<string, Page>()

  before(async () => {
    assert.ok(browser)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    for (const colorScheme of schemes) {
      for (const width of widths) {
        // Under their own policy the pages run no script, and axe is one.
        const context = await browser.newContext({ colorScheme, viewport: { width, height: 720 }, bypassCSP: true })
        tabs.set(`${width} px ${colorScheme}`, await context.newPage())
      }
    }
  })

  after(async () => {
    await browser?.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  async function violations(state: PageState, tab: Page): Promise<readonly string[]> {
    await tab.goto(`${origin}/${state.name}`)
    await tab.evaluate(axe)
    // Every rule that there is, those that are good advice too.
    const found = await tab.evaluate<readonly Violation[]>(
      `axe.run(document, { resultTypes: ['violations'], rules: { 'color-contrast-enhanced': { enabled: false } } }).then((result) => result.violations)`,
    )
    return found.map(({ id, help, nodes }) => `${id}: ${help} ${nodes.map(({ html }) => html).join(' ')}`)
  }

  const english = englishStates.filter(thorough)
  for (const state of english) {
    test(`on ${state.name}, at 320, 768 and 1280 px, light and dark`, async () => {
      for (const [where, tab] of tabs) assert.deepEqual(await violations(state, tab), [], where)
    })
  }

  for (const state of pageStates.filter((one) => !english.includes(one))) {
    test(`on ${state.name}`, async () => {
      const where = otherStates.includes(state) && state.name.startsWith('picture-') ? '320 px dark' : '320 px light'
      assert.deepEqual(await violations(state, tabs.get(where) ?? assert.fail()), [])
    })
  }

  test('and would find a label that is missing and a text that cannot be read', async () => {
    const tab = tabs.get('320 px light') ?? assert.fail()
    await tab.goto(`${origin}/sign-in`)
    await tab.evaluate(axe)
    await tab.evaluate(`document.querySelector('label').remove(); document.querySelector('.lead').style.color = '#aaa'`)
    const found = await tab.evaluate<readonly Violation[]>(`axe.run(document).then((result) => result.violations)`)
    assert.deepEqual(found.map(({ id }) => id).toSorted(), ['color-contrast', 'label'])
  })
})
