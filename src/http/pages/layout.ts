import { html, render } from './html.ts'
import type { Html } from './html.ts'
import { styleSheet } from './style-sheet.ts'

/** One whole HTML document. The tab icon stands in the page, so that no page asks a guarded `/favicon.ico`. */
export function documentOf(parts: {
  title: string
  style: Html
  icon: Html
  body: Html
  head?: Html | undefined
}): string {
  return render(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${parts.title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<link rel="icon" href="${parts.icon}">
<style>${parts.style}</style>
${parts.head}</head>
<body>
${parts.body}
</body>
</html>
`)
}

/** The mark: an arched door, a little open, with light behind it. */
const mark = html`<svg class="mark" viewBox="0 0 48 56" aria-hidden="true" focusable="false">
<path d="M6 54V24a18 18 0 0 1 36 0v30" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round"/>
<path d="M12 54V24a12 12 0 0 1 24 0v30z" fill="currentColor"/>
<circle class="knob" cx="31" cy="35" r="2"/>
<path d="M2 54h44" stroke="currentColor" stroke-width="3" stroke-linecap="round"/>
</svg>`

const icon = html`data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Cpath d='M5 31V14a11 11 0 0 1 22 0v17z' fill='%230d5f58'/%3E%3Ccircle cx='22' cy='20' r='2' fill='%23fff'/%3E%3C/svg%3E`

/**
 * A page of the gateway: the door, a heading, and what belongs under it. `title` is the tab's, default the heading;
 * `refresh` is a path of this site that the page goes on to by itself.
 */
export function gatewayPage(parts: { title?: string; heading: string; content: Html; refresh?: string }): string {
  return documentOf({
    title: parts.title ?? parts.heading,
    style: styleSheet,
    icon,
    head:
      parts.refresh === undefined
        ? undefined
        : html`<meta http-equiv="refresh" content="0;url=${parts.refresh}">
`,
    body: html`<main>
${mark}
<h1>${parts.heading}</h1>
${parts.content}
</main>`,
  })
}
