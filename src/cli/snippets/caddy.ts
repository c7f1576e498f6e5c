import { commented, indented, renewalHeaders, sampleApp, singleClaims, usualHead, type SnippetFacts } from './facts.ts'

/** For clients with DPoP: an answer that hands out a nonce is for no cache either. */
const nonceLines = `					@nonce expression \`{rp.header.Dpop-Nonce} != ""\`
					header @nonce DPoP-Nonce {rp.header.Dpop-Nonce}
					header @nonce +Cache-Control "private, no-store"
`

/** A Caddyfile. Not `forward_auth`: that one copies no cookie from an answer that lets a request through. */
export function caddy(facts: SnippetFacts): string {
  const { publicUrl, hosts, port, bind, prefix, gateway, copied, identity, nonces, wellKnown } = facts
  const scheme = publicUrl.protocol.slice(0, -1)
  const usual = publicUrl.port === ''
  const sites = hosts.map((host) => `${scheme}://${host}${usual ? '' : `:${port}`}`).join(', ')
  // Characters that a header name may have beside letters, digits and the dash (RFC 9110 section 5.6.2); not the star,
  // which means "anything" here.
  const odd = ['_', '.', '~', '!', '#', '$', '%', '&', "'", '+', '^', '|']
  const families = ['X-Forwarded-*', 'X-Original-*', 'X-Auth-Request-*', 'Remote-*', 'X-Postern-*']
  const deleted = [...families, ...singleClaims, ...identity.filter((name) => !name.startsWith('X-Forwarded-'))]
  const [first, second] = renewalHeaders
  const head = [
    'Postern behind Caddy. Run with Caddy 2.6.2 and 2.11.9. A Caddyfile.',
    ...usualHead('caddy', facts, false),
  ]
  return `${commented(head)}
${sites} {
${bind === undefined ? '' : `	bind ${bind}\n`}	route {
		# X_User and X.User become X-User for many applications. Then whatever says who somebody is or where they come from;
		# Caddy makes X-Forwarded-For, -Proto and -Host anew.
${indented([...odd.map((character) => `request_header -*${character}*`), ...deleted.map((name) => `request_header -${name}`)], '\t\t')}

		# Headers that Connection names are dropped on the way to the application: none of ours may be among them.
		@plain not header Upgrade *
		request_header @plain -Connection
		@upgrade header Upgrade *
		request_header @upgrade Connection Upgrade

		# What only Caddy asks. From outside, its answers would tell what is for the application alone.
		@inside path ${prefix}/verify ${prefix}/verify/*
		respond @inside 404

		# What people and programs ask of the gateway itself. Everyone may.
		@gateway path ${prefix}/* ${wellKnown.join(' ')}
		handle @gateway {
			reverse_proxy ${gateway}
		}

		handle {
			# Refused: the gateway's answer goes to the client as it is. When it is down, 502, and nobody else is asked.
			reverse_proxy ${gateway} {
				method GET
				rewrite ${prefix}/verify/caddy?
				header_up X-Forwarded-Method {method}
				header_up X-Forwarded-Uri {uri}
				header_up -Connection
				header_up -Upgrade

				@allowed status 200
				handle_response @allowed {
					# Whom the request is from: all of them, empty ones too, in place of the client's own.
${indented(
  copied.map((name) => `request_header ${name} {rp.header.${name}}`),
  '\t\t\t\t\t',
)}

					# A renewed session. An answer with a cookie of one person is for no cache.
					@renewed expression \`{rp.header.${first}} != ""\`
					header @renewed +Set-Cookie {rp.header.${first}}
					header @renewed +Cache-Control "private, no-store"
					@detached expression \`{rp.header.${second}} != ""\`
					header @detached +Set-Cookie {rp.header.${second}}
${nonces ? nonceLines : ''}				}
			}
			reverse_proxy ${sampleApp}
		}
	}
}
`
}
