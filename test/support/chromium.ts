import { accessSync, constants } from 'node:fs'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContext } from 'playwright-core'

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

interface Habits {
  /** Keep left pages alive, to show them at once on "back", as people's browsers do. Default: false. */
  readonly backForwardCache?: boolean
  /** Names that lead to this machine. */
  readonly hosts?: readonly string[]
  /** Origins taken for trustworthy although they are plain http: they are told where requests come from. */
  readonly trustworthy?: readonly string[]
}

/** A Chromium of this machine, or undefined where there is none. The caller closes it. */
export async function launchChromium({ backForwardCache = false, hosts = [], trustworthy = [] }: Habits = {}): Promise<
  Browser | undefined
> {
  const executablePath = candidates.find(isExecutable)
  if (executablePath === undefined) return undefined
  const ignoreDefaultArgs = backForwardCache ? ['--disable-back-forward-cache'] : []
  const args = [
    ...quiet,
    ...(hosts.length > 0 ? [`--host-resolver-rules=${hosts.map((host) => `MAP ${host} 127.0.0.1`).join(', ')}`] : []),
    ...(trustworthy.length > 0 ? [`--unsafely-treat-insecure-origin-as-secure=${trustworthy.join(',')}`] : []),
  ]
  return await chromium.launch({ executablePath, args, ignoreDefaultArgs })
}

interface DeviceHabits {
  readonly hosts?: readonly string[]
  /** Digest of the key of a certificate that is taken although nobody signed it. Not by ignoring all faults: that ends binding. */
  readonly spki?: string
}

/**
 * A Chromium that binds sessions to keys, which it keeps in software, with a profile of its own; or undefined where there is
 * none. The caller closes it.
 */
export async function visitChromium(
  profile: string,
  { hosts = [], spki }: DeviceHabits = {},
): Promise<BrowserContext | undefined> {
  const executablePath = candidates.find(isExecutable)
  if (executablePath === undefined) return undefined
  const args = [
    ...quiet,
    ...(hosts.length > 0 ? [`--host-resolver-rules=${hosts.map((one) => `MAP ${one} 127.0.0.1`).join(', ')}`] : []),
    ...(spki === undefined ? [] : [`--ignore-certificate-errors-spki-list=${spki}`]),
    '--enable-features=DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting',
  ]
  return await chromium.launchPersistentContext(profile, { executablePath, args, ignoreHTTPSErrors: false })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Why browser tests are skipped, or false. Where programs are required, a missing one is a failure instead. */
export function missingChromium(browser: Browser | undefined): string | false {
  if (browser !== undefined) return false
  if (process.env['POSTERN_REQUIRE_PROGRAMS'] === '1') throw new Error('Chromium is required and was not found.')
  return 'no Chromium on this machine'
}
