/** What the file is written for; undefined: to be filled in. */
export interface Beginning {
  readonly publicUrl: string | undefined
  readonly kind: 'login' | 'oidc'
  /** Key of the upstream. */
  readonly name: string
  readonly loginOrigin: string | undefined
  readonly issuer: string | undefined
  readonly clientId: string | undefined
  readonly backend: string | undefined
}

/** Where an editor and a reader find what there is to say in the file. */
export interface References {
  /** Address or path of the JSON Schema. */
  readonly schema: string
  /** Path of the page. */
  readonly page: string
}

/** What a person has to look at stands behind this mark, on the line itself. */
const mark = '# FILL IN:'

/** Lines with the mark, counted from 1. */
export function leftOver(text: string): readonly { readonly line: number; readonly what: string }[] {
  return text.split('\n').flatMap((line, index) => {
    const at = line.indexOf(mark)
    return at === -1 ? [] : [{ line: index + 1, what: line.slice(at + mark.length).trim() }]
  })
}

function value(given: string | undefined, example: string, what: string): string {
  return given === undefined ? `${example}   ${mark} ${what}` : scalar(given)
}

/** Plain where YAML cannot read it in another way. */
function scalar(text: string): string {
  return /^[A-Za-z][A-Za-z0-9+.-]*(?:[:/][A-Za-z0-9._/:[\]-]*)?$/.test(text) && !text.endsWith(':')
    ? text
    : JSON.stringify(text)
}

/** A configuration to begin with: it passes `postern check` once the keys and what it names are there. */
export function configurationText(beginning: Beginning, { schema, page }: References): string {
  const { publicUrl, kind, backend } = beginning
  return `# yaml-language-server: $schema=${schema}
# Postern: a stateless auth gateway. Every option: ${page}
# After a change: postern check

# The one address under which browsers reach the gateway: scheme, host and port, without a path.
publicUrl: ${value(publicUrl, 'https://app.example.com', 'your own address')}

listen:
  host: 0.0.0.0
  port: 8080
  # Health and metrics; never open to the world.
  adminHost: 127.0.0.1
  adminPort: 9080

# Addresses of the proxies in front, such as [10.0.0.0/8]: what they say of the client is believed. None: nobody is.
trustedProxies: []

# Made with: postern keys generate
keys: { dir: ./keys }

# A token lives for tokenTtl and is renewed while it is used: unused for idleTimeout a session is over, and at
# absoluteTimeout in any case.
session: { tokenTtl: 5m, idleTimeout: 30m, absoluteTimeout: 8h }

# Who signs people in. Try it with: postern ${kind === 'oidc' ? 'doctor' : `try-login ${beginning.name}`}
upstreams:
${kind === 'oidc' ? oidcText(beginning) : loginText(beginning)}
# What is open to whom, and where it goes. The most specific route wins; postern check prints the table.
routes:
  - { path: /public/, access: public, backend: ${routeBackend(backend)} }
  - { path: /, backend: ${routeBackend(backend)} }${backend === undefined ? `   ${mark} where your application listens, here and above` : ''}

# Sessions that are ended before their time: postern revoke --subject '${beginning.name}|42'
revocations: { file: ./revocations.yaml }

log: { level: info }
`
}

function routeBackend(backend: string | undefined): string {
  return scalar(backend ?? 'http://127.0.0.1:3000')
}

function loginText({ name, loginOrigin }: Beginning): string {
  return `  ${name}:
    kind: login
    # Passwords go here and nowhere else.
    origin: ${value(loginOrigin, 'https://accounts.example.com', 'the service that has the accounts')}
    login:
      request:
        method: POST
        path: /api/login   ${mark} its login call
        json: { username: "{username}", password: "{password}" }   ${mark} the names that it takes them under
      # Where they stand in its answer, as JSON Pointers.
      token: { json: /token }   ${mark} where the token is
      subject: { json: /user/id }   ${mark} what never changes about a person
      claims: { name: { json: /user/name } }
      # 401 and 403 mean a wrong name or password unless you say otherwise here.
      refusals: [{ status: [401], as: bad_credentials }]
    # How the token is shown to the service.
    present: { header: Authorization, scheme: Bearer }
    # Asked before a session is renewed: whoever is locked out there is out here within tokenTtl.
    check: { request: { method: GET, path: /api/me } }   ${mark} a call that only a good token may make
    # Asked when somebody signs out.
    logout: { request: { method: POST, path: /api/logout } }   ${mark} its logout call; take the line out if there is none
`
}

function oidcText({ name, issuer, clientId }: Beginning): string {
  return `  ${name}:
    kind: oidc
    issuer: ${value(issuer, 'https://sso.example.com', "the provider's issuer, character by character")}
    clientId: ${value(clientId, 'postern', 'as the provider knows this gateway')}
    # The client secret, alone in a file that only the gateway can read.
    clientSecretFile: ./${name}.secret
    scopes: [openid, profile, email]
    # What has to be registered there: postern check
`
}
