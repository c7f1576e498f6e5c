import { html, render } from './html.ts'
import type { Html, Interpolation } from './html.ts'
import type { PageKit } from './kit.ts'

/** One whole HTML document. The tab icon stands in the page, so that no page asks a guarded `/favicon.ico`. */
export function documentOf(parts: {
  language: string
  direction?: 'ltr' | 'rtl'
  title: string
  style: Html
  icon: Interpolation
  body: Html
  head?: Html | undefined
}): string {
  const direction = parts.direction === 'rtl' ? html` dir="rtl"` : undefined
  return render(html`<!doctype html>
<html lang="${parts.language}"${direction}>
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

/** The same for the tab, in the colour of the buttons. */
function doorIcon({ brand: { palettes } }: PageKit): string {
  const { fill, onFill } = palettes.light
  const [door, knob] = [fill, onFill].map((color) => `%23${color.slice(1)}`)
  return `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Cpath d='M5 31V14a11 11 0 0 1 22 0v17z' fill='${door}'/%3E%3Ccircle cx='22' cy='20' r='2' fill='${knob}'/%3E%3C/svg%3E`
}

/** The site's own picture, else its name, else the door. */
function sign({ brand }: PageKit): Html {
  if (brand.logo !== undefined) {
    const dark =
      brand.logoDark === undefined
        ? undefined
        : html`<source media="screen and (prefers-color-scheme: dark)" srcset="${brand.logoDark}">`
    return html`<picture>${dark}<img class="logo" src="${brand.logo}" alt="${brand.name}"></picture>`
  }
  return brand.name === undefined ? mark : html`<p class="brand">${brand.name}</p>`
}

/**
 * A page of the gateway: whose it is, a heading, and what belongs under it. `title` is the tab's, default the heading;
 * `refresh` is a path of this site that the page goes on to by itself.
 */
export function gatewayPage(
  kit: PageKit,
  parts: { title?: string; heading: string; content: Html; refresh?: string },
): string {
  const { brand, language, direction, style } = kit
  const title = parts.title ?? parts.heading
  const branded = brand.logo !== undefined || brand.name !== undefined
  return documentOf({
    language,
    direction,
    title: brand.name === undefined ? title : `${title} - ${brand.name}`,
    style,
    icon: brand.icon ?? doorIcon(kit),
    head:
      parts.refresh === undefined
        ? undefined
        : html`<meta http-equiv="refresh" content="0;url=${parts.refresh}">
`,
    body: html`<main${branded ? undefined : html` class="door"`}>
${sign(kit)}
<h1>${parts.heading}</h1>
${parts.content}
</main>`,
  })
}
