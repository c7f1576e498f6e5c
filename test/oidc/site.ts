import type { TestContext } from 'node:test'
import type { OidcUpstreamOptions } from '../../src/config/oidc-options.ts'
import type { Options } from '../../src/config/options.ts'
import { BrowserClient, type Answer } from '../support/browser-client.ts'
import { fakeClock, type FakeClock } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { startProvider, Visitor, type ProviderSettings, type TestProvider } from '../support/provider.ts'

export interface Site {
  readonly gateway: Gateway
  readonly provider: TestProvider
  readonly clock: FakeClock
}

interface Scene {
  readonly upstream?: Partial<OidcUpstreamOptions>
  readonly options?: Partial<Options>
  readonly provider?: ProviderSettings
}

/** From now on, and then standing still: the provider has the real time. */
export const clockOfNow = (): FakeClock => fakeClock(Math.floor(Date.now() / 1000) * 1000)

/** A gateway with one provider, and nothing else to sign in at. */
export async function openSite(t: TestContext, scene: Scene = {}): Promise<Site> {
  const provider = await startProvider(scene.provider)
  t.after(() => provider.close())
  const clock = clockOfNow()
  const gateway = await startGateway({
    clock,
    options: (origin) => ({
      upstreams: { company: provider.describe(origin, 'company', scene.upstream) },
      ...scene.options,
    }),
  })
  t.after(() => gateway.close())
  return { gateway, provider, clock }
}

/** Path and query of an address of the gateway. */
export const pathOf = (address: string): string => address.slice(new URL(address).origin.length)

/** Location of a redirect. */
export function locationOf({ headers }: Pick<Answer, 'headers'>): string {
  const { location } = headers
  if (typeof location !== 'string') throw new Error('there is no location')
  return location
}

/** Begins a sign-in. The address at the provider. */
export async function begin(browser: BrowserClient, returnTo = '/protected', key = 'company'): Promise<string> {
  return locationOf(
    await browser.send(`/_auth/oidc/${key}/start?${new URLSearchParams({ return_to: returnTo }).toString()}`),
  )
}

/** A whole sign-in. The last answer of the gateway. */
export async function signIn(
  browser: BrowserClient,
  visitor = new Visitor(),
  returnTo = '/protected',
): Promise<Answer> {
  return browser.send(pathOf(await visitor.visit(await begin(browser, returnTo))))
}

export async function signedIn({ gateway }: Site, visitor = new Visitor()): Promise<BrowserClient> {
  const browser = new BrowserClient(gateway.origin)
  await signIn(browser, visitor)
  return browser
}
