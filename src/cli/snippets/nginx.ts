import { commented, indented, renewalHeaders, sampleApp, usualHead, type SnippetFacts } from './facts.ts'

const answerHeaders = ['X-Postern-Answer', 'X-Postern-Location', 'X-Postern-Problem'] as const

/** A file for `conf.d`: `auth_request`, and what it does not do by itself. */
export function nginx(facts: SnippetFacts): string {
  const { publicUrl, hosts, port, bind, prefix, gateway, copied, nonces, cleared, wellKnown } = facts
  const secure = publicUrl.protocol === 'https:'
  const certificate = `/etc/ssl/${publicUrl.hostname}`
  const tls = [`ssl_certificate ${certificate}.pem;`, `ssl_certificate_key ${certificate}.key;`]
  const snake = (name: string) => name.toLowerCase().replaceAll('-', '_')
  const variable = (name: string) => `$postern_${snake(name.replace(/^X-Postern-/, ''))}`
  const take = (names: readonly string[]) =>
    names.map((name) => `auth_request_set ${variable(name)} $upstream_http_${snake(name)};`)
  const addCookies = renewalHeaders.map((name) => `add_header Set-Cookie ${variable(name)} always;`)
  const addNonce = 'add_header DPoP-Nonce $postern_dpop_nonce always;'
  const forwarded = [
    'proxy_set_header Host $http_host;',
    'proxy_set_header X-Forwarded-For $remote_addr;',
    'proxy_set_header X-Forwarded-Proto $scheme;',
    'proxy_set_header X-Forwarded-Host $http_host;',
  ]
  const clear = (names: readonly string[]) => names.map((name) => `proxy_set_header ${name} "";`)

  const head = [
    'Postern behind nginx, by auth_request. Run with nginx 1.22.1. A file of the http context: /etc/nginx/conf.d/postern.conf',
    ...usualHead('nginx', facts),
  ]
  return `${commented(head)}
upstream postern {
  # Several replicas: "Behind a load balancer" in Postern's operations.md has the settings that lose nothing.
  server ${gateway};
  keepalive 32;
}

upstream app {
  server ${sampleApp};
}

map $http_upgrade $postern_connection {
  default upgrade;
  '' '';
}

# An answer with a cookie of one person is for no cache.
map ${nonces ? `"${variable(renewalHeaders[0])}$postern_dpop_nonce"` : variable(renewalHeaders[0])} $postern_cache_control {
  default 'private, no-store';
  '' '';
}

server {
  listen ${bind === undefined ? '' : `${bind}:`}${port}${secure ? ' ssl' : ''};
  server_name ${hosts.join(' ')};
${secure ? `${indented(tls, '  ')}\n` : ''}
  # X_User and X.User become X-User for many applications. These are the defaults, and nginx takes them from the first
  # server of an address: say the same there.
  underscores_in_headers off;
  ignore_invalid_headers on;

  # Room for our cookies, in requests and in answers.
  large_client_header_buffers 4 16k;
  proxy_buffer_size 16k;
  proxy_buffers 8 16k;
  proxy_busy_buffers_size 32k;
  proxy_headers_hash_max_size 1024;
  proxy_headers_hash_bucket_size 128;

  # With an address in the request line nginx looks for the host there, and the gateway would be told another one.
  if ($request !~ "^[A-Z-]+ /") {
    return 400;
  }

  # A location that sets a header inherits none of these.
  proxy_http_version 1.1;
  proxy_set_header Connection "";
${indented(forwarded, '  ')}

  # What people and programs ask of the gateway itself. Everyone may.
  location ^~ ${prefix}/ {
    proxy_pass http://postern;
  }

  location ~ ^(${wellKnown.map((path) => path.replaceAll('.', '\\.')).join('|')})$ {
    proxy_pass http://postern;
  }

  # What only nginx asks. From outside, its answers would tell what is for the application alone.
  location ^~ ${prefix}/verify {
    return 404;
  }

  location = ${prefix}/verify/nginx {
    internal;
    proxy_pass http://postern;
    proxy_pass_request_body off;
    proxy_set_header Connection "";
    proxy_set_header Content-Length "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
    proxy_set_header X-Original-Method $request_method;
${indented(clear(['X-Forwarded-Method', 'X-Forwarded-Uri']), '    ')}
  }

  location / {
    auth_request ${prefix}/verify/nginx;

    # Refused: 401 and 403 have the gateway's own words. When it is down nginx answers 500, and nobody else is asked.
${indented(take(answerHeaders), '    ')}
    error_page 401 = @postern_unauthenticated;
    error_page 403 = @postern_forbidden;

    # A renewed session. nginx keeps one Set-Cookie of a sub-request, so each has a name of its own. A location with an
    # add_header of its own must repeat these.
${indented([...take(renewalHeaders), ...addCookies], '    ')}
    add_header Cache-Control $postern_cache_control always;
${nonces ? `\n    # For the next proof of a client with DPoP.\n${indented([...take(['DPoP-Nonce']), addNonce], '    ')}\n` : ''}
    # Whom the request is from. An empty value removes the header, the client's own too.
${indented([...take(copied), ...copied.map((name) => `proxy_set_header ${name} ${variable(name)};`)], '    ')}

    # Where it is from, and what else a client may not say.
${indented([...forwarded, ...clear(cleared)], '    ')}

    proxy_pass http://app;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $postern_connection;
  }

  location @postern_unauthenticated {
    default_type application/problem+json;
    add_header Cache-Control no-store always;
${nonces ? `    ${addNonce}\n` : ''}    if ($postern_answer = redirect) {
      return 303 $postern_location;
    }
    return 401 $postern_problem;
  }

  location @postern_forbidden {
    default_type application/problem+json;
    add_header Cache-Control no-store always;
${indented(addCookies, '    ')}
    return 403 $postern_problem;
  }
}
`
}
