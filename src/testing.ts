/**
 * What tests of an app that uses Postern need: sessions and tokens without signing in, requests as somebody, a login
 * service in the same process, and a clock. Never for production: keys are made per run and kept in memory, and with
 * `NODE_ENV=production` nothing is minted.
 */
export { fakeClock, hours, minutes, seconds, type FakeClock } from './testing/clock.ts'
export { testKeys, type TestKeySettings } from './testing/keys.ts'
export { createTestKit, type TestGrant, type TestKit, type TestKitSettings, type TestPerson } from './testing/kit.ts'
export { inject, type StorageState, type TestBrowser, type TestClient, type TestProgram } from './testing/browser.ts'
export type { TestRequest } from './testing/proof.ts'
export {
  startUpstream,
  upstreamOptions,
  type TestUpstream,
  type TestUpstreamSettings,
  type UpstreamUser,
} from './testing/upstream.ts'
