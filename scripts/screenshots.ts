/**
 * Writes every page in every state to a folder, as HTML and as pictures of three widths, light and dark.
 *
 *     node scripts/screenshots.ts FOLDER [NAME…]
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { launchChromium } from '../test/support/chromium.ts'
import { pageStates } from '../test/http/pages/states.ts'

const widths = [320, 768, 1280]
const schemes = ['light', 'dark'] as const

async function photograph(folder: string, names: readonly string[]): Promise<void> {
  const browser = await launchChromium()
  if (!browser) throw new Error('No Chromium found on this machine.')
  mkdirSync(folder, { recursive: true })
  const states = pageStates.filter(({ name }) => names.length === 0 || names.includes(name))
  // A page that goes on by itself would be gone before its picture is taken.
  const still = (page: string) => page.replace('content="0;url=', 'content="99999;url=')
  for (const { name, page } of states) writeFileSync(join(folder, `${name}.html`), still(page))
  for (const colorScheme of schemes) {
    for (const width of widths) {
      const tab = await browser.newPage({ colorScheme, viewport: { width, height: 720 } })
      for (const { name } of states) {
        await tab.goto(pathToFileURL(resolve(folder, `${name}.html`)).href)
        await tab.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true })
      }
      await tab.close()
    }
  }
  await browser.close()
}

if (import.meta.main) {
  const [folder, ...names] = process.argv.slice(2)
  if (folder === undefined) {
    console.error('Usage: node scripts/screenshots.ts FOLDER [NAME…]')
    process.exitCode = 2
  } else {
    await photograph(folder, names)
  }
}
