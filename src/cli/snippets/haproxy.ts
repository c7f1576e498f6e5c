import { commented, indented, renewalHeaders, sampleApp, singleClaims, usualHead, type SnippetFacts } from './facts.ts'

const variables = ['txn.postern_cookie_0', 'txn.postern_cookie_1'] as const

/** For clients with DPoP: an answer that hands out a nonce is for no cache either. */
const nonceLines = `
  http-after-response set-header DPoP-Nonce "%[var(txn.postern_nonce)]" if { var(txn.postern_nonce) -m found }
  http-after-response set-header Cache-Control "private, no-store" if { var(txn.postern_nonce) -m found }`

/** `haproxy.cfg`. The question itself is asked in Lua: {@link haproxyLua}. */
export function haproxy(facts: SnippetFacts): string {
  const { publicUrl, port, bind, prefix, gateway, identity, nonces, wellKnown } = facts
  const secure = publicUrl.protocol === 'https:'
  const families = ['x-forwarded-', 'x-original-', 'x-auth-request-', 'remote-', 'x-postern-']
  const named = singleClaims.map((name) => name.toLowerCase())
  const further = identity
    .map((name) => name.toLowerCase())
    .filter((name) => !families.some((family) => name.startsWith(family)))
  const head = [
    'Postern behind HAProxy. Run with HAProxy 2.6.12; it has to be built with Lua. The file that is loaded here is printed by',
    '  postern snippet haproxy --lua > /etc/haproxy/postern.lua',
    ...usualHead('haproxy', facts),
  ]
  return `${commented(head)}
global
  # Room for our cookies, twice: as they come and as they are renewed.
  tune.bufsize 32768
  lua-load /etc/haproxy/postern.lua

defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h

frontend site
  bind ${bind ?? ''}:${port}${secure ? ` ssl crt /etc/haproxy/${publicUrl.hostname}.pem` : ''}

  # An address in the request line names a host of its own. In HTTP/2 every request has one.
  http-request deny deny_status 400 if !{ req.ver 2.0 } !{ url_beg / }

  # X_User and X.User become X-User for many applications. Then whatever says who somebody is or where they come from.
  option http-restrict-req-hdr-names delete
${indented([...families.map((name) => `http-request del-header ${name} -m beg`), ...[...named, ...further].map((name) => `http-request del-header ${name}`)], '  ')}
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto https if { ssl_fc }
  http-request set-header X-Forwarded-Proto http unless { ssl_fc }
  http-request set-header X-Forwarded-Host %[req.hdr(host)]

  # What only HAProxy asks. From outside, its answers would tell what is for the application alone.
  http-request return status 404 if { path_beg ${prefix}/verify }

  # What people and programs ask of the gateway itself. Everyone may.
  acl gateway path_beg ${prefix}/
  acl gateway path ${wellKnown.join(' ')}

  # Refused: the gateway's answer goes to the client. When it is down, 503, and nobody else is asked.
  http-request lua.postern unless gateway

  use_backend gateway if gateway
  default_backend app

  # A renewed session. An answer with a cookie of one person is for no cache.
${indented(
  variables.map((name) => `http-after-response add-header Set-Cookie %[var(${name})] if { var(${name}) -m found }`),
  '  ',
)}
  http-after-response set-header Cache-Control "private, no-store" if { var(${variables[0]}) -m found }${nonces ? nonceLines : ''}

backend gateway
  # Several replicas: "Behind a load balancer" in Postern's operations.md has the settings that lose nothing.
  server postern ${gateway}

backend app
  server app ${sampleApp}
`
}

/** `postern.lua`: an action that asks the gateway with HAProxy's own client. */
export function haproxyLua({ prefix, gateway, copied, nonces }: SnippetFacts): string {
  const quoted = (names: readonly string[]) => names.map((name) => `'${name}'`).join(', ')
  return `-- Asks Postern whether a request may pass. Loaded by haproxy.cfg; see there.

local address = 'http://${gateway}${prefix}/verify/haproxy'

-- Every one of them stands on every answer that lets a request through, empty where there is nothing to say.
local copied = {
${indented(
  copied.map((name) => `'${name.toLowerCase()}',`),
  '  ',
)}
}

-- What is for one connection, or about a body that is not sent along.
local left_out = {}
for _, name in ipairs({ 'connection', 'content-length', 'expect', 'host', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade' }) do
  left_out[name] = true
end

-- HAProxy counts values from 0 in one place and from 1 in another.
local function each(values)
  local list = {}
  for index = 0, #values do
    if values[index] ~= nil then list[#list + 1] = values[index] end
  end
  return list
end

local function first(headers, name)
  return headers[name] and each(headers[name])[1] or ''
end

local function refuse(txn, status, headers, body)
  local reply = txn:reply({ status = status })
  for name, values in pairs(headers) do
    if not left_out[name] and name:sub(1, 10) ~= 'x-postern-' then
      for _, value in ipairs(each(values)) do reply:add_header(name, value) end
    end
  end
  reply:set_body(body)
  txn:done(reply)
end

core.register_action('postern', { 'http-req' }, function(txn)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not left_out[name] then headers[name] = each(values) end
  end
  headers['x-forwarded-method'] = { txn.sf:method() }
  headers['x-forwarded-uri'] = { txn.sf:pathq() }

  local answer = core.httpclient():get({ url = address, headers = headers })
  if answer == nil or answer.headers == nil or answer.status == nil or answer.status < 200 then
    return refuse(txn, 503, { ['cache-control'] = { 'no-store' } }, '')
  end
  if answer.status ~= 200 then return refuse(txn, answer.status, answer.headers, answer.body or '') end

  for _, name in ipairs(copied) do
    txn.http:req_del_header(name)
    local value = first(answer.headers, name)
    if value ~= '' then txn.http:req_add_header(name, value) end
  end
  for index, name in ipairs({ ${quoted(renewalHeaders.map((name) => name.toLowerCase()))} }) do
    local cookie = first(answer.headers, name)
    if cookie ~= '' then txn:set_var('txn.postern_cookie_' .. (index - 1), cookie) end
  end${nonces ? `\n  local nonce = first(answer.headers, 'dpop-nonce')\n  if nonce ~= '' then txn:set_var('txn.postern_nonce', nonce) end` : ''}
end)
`
}
