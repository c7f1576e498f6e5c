/**
 * Writes every page in every state to a folder, as HTML and as pictures of three widths, light and dark.
 *
 *     node scripts/screenshots.ts FOLDER [NAME…]
 */
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'
import { pageStates } from '../test/http/pages/states.ts'

const candidates = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

const quiet = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const widths = [320, 768, 1280]
const schemes = ['light', 'dark'] as const

/** A Chromium of this machine, or undefined where there is none. The caller closes it. */
export async function launchChromium(): Promise<Browser | undefined> {
  const executablePath = candidates.find(isExecutable)
  return executablePath === undefined ? undefined : await chromium.launch({ executablePath, args: quiet })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

async function photograph(folder: string, names: readonly string[]): Promise<void> {
  const browser = await launchChromium()
  if (!browser) throw new Error(`No Chromium found. Looked for: ${candidates.join(', ')}`)
  mkdirSync(folder, { recursive: true })
  const states = pageStates.filter(({ name }) => names.length === 0 || names.includes(name))
  for (const { name, page } of states) writeFileSync(join(folder, `${name}.html`), page)
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
