import type { Config } from '../config/config.ts'

/** What each provider has to be told of the gateway: it compares addresses character by character. */
export function registrations({ upstreams }: Config): readonly string[] {
  return [...upstreams.values()].flatMap((upstream) => {
    if (upstream.kind !== 'oidc') return []
    const { key, issuer, redirectUri, postLogoutRedirectUri, backchannelLogoutUri, logout } = upstream
    return [
      `${key}: at ${issuer}: redirect URI ${redirectUri}`,
      ...(logout.redirect ? [`${key}: at ${issuer}: post-logout redirect URI ${postLogoutRedirectUri}`] : []),
      `${key}: at ${issuer}: back-channel logout URI ${backchannelLogoutUri} (with session id)`,
    ]
  })
}
