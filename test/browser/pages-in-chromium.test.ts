import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Browser, Page } from 'playwright-core'
import { launchChromium, missingChromium } from '../support/chromium.ts'
import { errorPage } from '../../src/http/pages/error.ts'
import { pageHeaders } from '../../src/http/pages/headers.ts'
import { signInPage } from '../../src/http/pages/sign-in.ts'
import { kit, noLinks, pageStates, plainKits, usualFields } from '../http/pages/states.ts'

interface Post {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** CSS pixels. */
interface Measures {
  readonly width: number
  readonly padding: string
  readonly heights: readonly number[]
  readonly fonts: readonly number[]
}

const posts: Post[] = []
const pages = new Map(pageStates.map((state) => [`/${state.name}`, state]))
const returnTo = '/a?b=<"\'&>'
const form = signInPage(kit, {
  prefix: '',
  upstreams: [{ key: 'accounts', title: 'Accounts', fields: usualFields, links: noLinks }],
  chosen: undefined,
  returnTo,
})

/** Serves every page under its name, with its headers; a post to `/login` is noted and answered by the 401 page. */
const server = createServer((request, response) => void answer(request, response))

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'POST') {
    posts.push({ headers: request.headers, body: await text(request) })
    response
      .writeHead(401, pageHeaders({ secure: false, style: plainKits.style }))
      .end(errorPage(kit, { code: 'expired', prefix: '' }))
    return
  }
  const state = pages.get(request.url ?? '')
  response
    .writeHead(200, pageHeaders({ secure: false, style: state?.style ?? plainKits.style }))
    // A page that goes on by itself has to stay for as long as it is measured.
    .end((state?.page ?? form).replace('content="0;url=', 'content="600;url='))
}

const browser: Browser | undefined = await launchChromium()

describe('in Chromium', { skip: missingChromium(browser) }, () => {
  let origin = ''
  let page: Page
  const complaints: string[] = []

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address() as AddressInfo
    origin = `http://127.0.0.1:${address.port}`
    assert.ok(browser)
    page = await browser.newPage({ viewport: { width: 320, height: 640 } })
    page.on('console', (message) => complaints.push(message.text()))
  })

  after(async () => {
    await browser?.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  for (const { name } of pageStates) {
    test(`${name} has its style under its own policy, fits 320 px, and is easy to hit`, async () => {
      await page.goto(`${origin}/${name}`)
      const seen = await page.evaluate<Measures>(`({
        width: document.documentElement.scrollWidth,
        padding: getComputedStyle(document.querySelector('main')).paddingTop,
        heights: [...document.querySelectorAll('.button, .plain, .choices a, input:not([type=hidden])')].map((e) => e.getBoundingClientRect().height),
        fonts: [...document.querySelectorAll('input:not([type=hidden])')].map((e) => parseFloat(getComputedStyle(e).fontSize)),
      })`)
      assert.equal(seen.width, 320)
      assert.notEqual(seen.padding, '0px')
      assert.deepEqual(
        seen.heights.filter((height) => height < 44),
        [],
      )
      assert.deepEqual(
        seen.fonts.filter((size) => size < 16),
        [],
      )
      assert.deepEqual(complaints, [])
    })
  }

  test('CS-01 the form sends what was typed, byte for byte, with our own origin', async () => {
    await page.goto(origin)
    // The cursor is put there when the page is first drawn.
    await page.locator('[name=username]:focus').waitFor()
    await page.keyboard.type('jo"hn')
    await page.getByLabel('Password').fill(' <pass> ')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Your session has ended' }).waitFor()
    const post = posts.at(-1)
    assert.equal(post?.headers.origin, origin)
    assert.equal(post.headers['sec-fetch-site'], 'same-origin')
    assert.deepEqual(Object.fromEntries(new URLSearchParams(post.body)), {
      username: 'jo"hn',
      password: ' <pass> ',
      return_to: returnTo,
      upstream: 'accounts',
    })
  })

  test('reloading the page of an ended session sends the same form again, still as our own', async () => {
    const first = posts.at(-1)
    await page.reload()
    const again = posts.at(-1)
    assert.notEqual(again, first)
    assert.equal(again?.body, first?.body)
    assert.equal(again?.headers.origin, origin)
    assert.equal(again.headers['sec-fetch-site'], 'same-origin')
  })
})
