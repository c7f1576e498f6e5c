import type { Clock } from '../base/clock.ts'
import type { OidcUpstreamConfig } from '../config/oidc.ts'
import { createDispatcher } from './dispatcher.ts'
import { createLogoutTokenReader } from './logout-token.ts'
import { createOidcLater } from './oidc-later.ts'
import { createOidcSignIn } from './oidc-sign-in.ts'
import { createProvider } from './provider.ts'
import { createProviderFetch } from './provider-fetch.ts'
import type { OidcUpstream } from './upstream.ts'

/** An OpenID Connect provider. Nothing is asked of it before somebody signs in there. */
export function createOidcUpstream(config: OidcUpstreamConfig, { clock }: { readonly clock: Clock }): OidcUpstream {
  const { fetch, close } = createProviderFetch(config, clock)
  const provider = createProvider(config, fetch, clock)
  const dispatcher = createDispatcher(config)
  return {
    kind: 'oidc',
    key: config.key,
    title: config.title,
    subjectPrefix: config.subjectPrefix,
    origin: config.origin,
    dispatcher,
    canCheck: config.userinfo,
    timeout: config.timeout,
    canRefresh: config.refresh !== undefined,
    canEnd: true,
    ...createOidcSignIn(config, provider, clock),
    ...createOidcLater(config, provider, fetch, clock),
    readLogoutToken: createLogoutTokenReader(config, provider, fetch, clock),
    present: (grant) => ({ authorization: `Bearer ${grant.token.reveal()}` }),
    async close() {
      await Promise.all([close(), dispatcher.close()])
    },
  }
}
