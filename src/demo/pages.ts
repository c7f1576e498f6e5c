import { pageHeaders } from '../http/pages/headers.ts'
import { html } from '../http/pages/html.ts'
import type { Html } from '../http/pages/html.ts'
import { documentOf } from '../http/pages/layout.ts'
import { sampleStyle } from './style.ts'

/** Who the gateway says is signed in. */
export interface Person {
  readonly name: string
  readonly roles: readonly string[]
}

export interface GuardedParts extends Person {
  /** The `sub` of the session token. */
  readonly subject: string
  /** Seconds until the session token ends; left out where the app is not told. */
  readonly expiresIn?: number | undefined
}

/** The headers of the sample app's pages. */
export const samplePageHeaders = pageHeaders({ secure: false, style: sampleStyle })

/** The public page: what there is to try. `address` is the gateway's origin, for the commands shown. */
export function homePage({ signedIn, address }: { signedIn: Person | undefined; address: string }): string {
  return samplePage({
    title: 'An app behind a gateway',
    path: '/',
    person: signedIn,
    content: html`<p>This small app knows nothing about passwords. The gateway in front of it signs people in at another service, and lets through who may come in.</p>
<h2>Try it here</h2>
<ol>
<li>Open <a href="/protected">the protected page</a>. You are asked to sign in, and then come back to it.</li>
<li>Open <a href="/admin">the admin page</a> as each of the two people below. It lets in only one.</li>
<li>Sign out, and try once more.</li>
</ol>
<table>
<caption>Sample people</caption>
<thead><tr><th scope="col">User name</th><th scope="col">Password</th><th scope="col">Roles</th></tr></thead>
<tbody>
<tr><td><code>john</code></td><td><code>password123</code></td><td>user</td></tr>
<tr><td><code>ada</code></td><td><code>password123</code></td><td>user, admin</td></tr>
</tbody>
</table>
<h2>Try it in a terminal</h2>
<p>Without a credential a program is told so, in JSON:</p>
${command(`curl -i ${address}/protected`)}
<p>With a name and a password it gets a token of its own:</p>
${command(`TOKEN=$(curl -s ${address}/_auth/login \\
  -H 'content-type: application/json' \\
  -d '{"username":"john","password":"password123"}' |
  sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`)}
<p>The token opens what a browser opens with its cookie:</p>
${command(`curl ${address}/protected -H "authorization: Bearer $TOKEN"`)}`,
  })
}

/** Wide ones scroll, and whoever has no mouse must be able to get there (WCAG 2.2, 2.1.1). */
function command(text: string): Html {
  return html`<pre tabindex="0"><code>${text}</code></pre>`
}

/** The page for anyone who is signed in. */
export function protectedPage(parts: GuardedParts): string {
  return samplePage({
    title: 'Protected',
    path: '/protected',
    person: parts,
    content: html`<p>Hello, <strong>${parts.name}</strong>. You see this page because the gateway checked your session first.</p>
${facts(parts)}`,
  })
}

/** The page for those who have the role `admin`. */
export function adminPage(parts: GuardedParts): string {
  return samplePage({
    title: 'Admin',
    path: '/admin',
    person: parts,
    content: html`<p>Welcome, <strong>${parts.name}</strong>. Being signed in is not enough here: this page asks for the role <code>admin</code>.</p>
${facts(parts)}`,
  })
}

function facts({ name, subject, roles, expiresIn }: GuardedParts): Html {
  return html`<h2>What this app was told about you</h2>
<dl>
<div><dt>Name</dt><dd>${name}</dd></div>
<div><dt>Subject</dt><dd><code>${subject}</code></dd></div>
<div><dt>Roles</dt><dd>${roles.length === 0 ? 'none' : roles.join(', ')}</dd></div>
${expiresIn === undefined ? undefined : html`<div><dt>Token ends in</dt><dd>${span(expiresIn)}, and is renewed while you use it</dd></div>`}
</dl>
<p class="quiet">The token of the sign-in service is not among these. It travels encrypted, and your browser never sees it.</p>`
}

/** A time span for people, from seconds. */
function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

const pages = [
  { path: '/', label: 'Home' },
  { path: '/protected', label: 'Protected' },
  { path: '/admin', label: 'Admin' },
]

const icon = html`data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='6' fill='%237a2e5d'/%3E%3C/svg%3E`

function samplePage(parts: { title: string; path: string; person: Person | undefined; content: Html }): string {
  const links = pages.map(
    ({ path, label }) =>
      html`<li><a href="${path}"${path === parts.path ? html` aria-current="page"` : undefined}>${label}</a></li>`,
  )
  return documentOf({
    language: 'en',
    title: parts.path === '/' ? 'Sample app' : `${parts.title} · Sample app`,
    style: sampleStyle,
    icon,
    body: html`<header>
<div class="bar">
<p class="app">Sample app</p>
<nav aria-label="Pages"><ul role="list">${links}</ul></nav>
${parts.person ? signOut(parts.person) : signIn(parts.path)}
</div>
</header>
<main>
<h1>${parts.title}</h1>
${parts.content}
</main>`,
  })
}

function signOut({ name }: Person): Html {
  return html`<form method="post" action="/_auth/logout"><a href="/_auth/me">${name}</a> <button class="button" type="submit">Sign out</button></form>`
}

function signIn(path: string): Html {
  return html`<p class="enter"><a class="button" href="/_auth/login?return_to=${encodeURIComponent(path)}">Sign in</a></p>`
}
