import { createHash } from 'node:crypto'
import type { Palette, Palettes } from '../../config/palette.ts'
import { html, render } from './html.ts'
import type { Html } from './html.ts'

/**
 * What every page shares: text, links, buttons, focus. Colours are custom properties, so that a page family sets its own
 * and a test measures their contrast. No rule needs a script, a font file or an image.
 */
export const baseStyle = html`
*, ::before, ::after { box-sizing: border-box }
:root {
  color-scheme: light dark;
  font: 100%/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
  -webkit-text-size-adjust: 100%;
  text-size-adjust: 100%;
}
body { margin: 0; min-height: 100vh; min-height: 100svh; background: var(--ground); color: var(--text); overflow-wrap: anywhere }
h1, h2, p, ul, ol, dl, dd { margin: 0; padding: 0 }
h1 { line-height: 1.2; text-wrap: balance }
p { text-wrap: pretty }
a { color: var(--accent); text-underline-offset: 0.2em; text-decoration-thickness: 1px }
a:hover { color: var(--accent-strong); text-decoration-thickness: 2px }
.button {
  display: inline-flex; align-items: center; justify-content: center;
  min-height: max(2.75rem, 44px); padding: 0.5rem 1.25rem;
  border: 1px solid var(--fill-edge); border-radius: 0.5rem;
  background: var(--fill); color: var(--on-fill);
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
}
.button:hover { background: var(--fill-strong); color: var(--on-fill) }
.button:active { transform: translateY(1px) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px }
@media (prefers-reduced-motion: no-preference) {
  a, .button, .choices a { transition: background-color 120ms, border-color 120ms }
}
@media (prefers-reduced-motion: reduce) {
  .button:active { transform: none }
}
@media (forced-colors: active) {
  .button { border-color: ButtonText }
  :focus-visible { outline-color: Highlight }
}
`

/** The style sheet of the gateway's own pages: one card in the middle of a quiet wall, in the shape of a small door where the site has no sign of its own. */
export function styleSheetOf({ light, dark }: Palettes): Html {
  return html`
:root { ${variables(light)} }
@media screen and (prefers-color-scheme: dark) {
  :root { ${variables(dark)} }
}
${baseStyle}${gatewayStyle}`
}

/** Colours of a palette, as custom properties. */
function variables(palette: Palette): Html {
  return html`${Object.entries(palette).map(
    ([name, value]) => html`--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}: ${value}; `,
  )}`
}

const gatewayStyle = html`
body { display: grid; padding: 1rem; hyphens: auto; hyphenate-limit-chars: 12 5 5 }
main {
  width: 100%; max-width: 25rem; margin: auto; padding: 1.75rem 1.5rem;
  display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.25rem;
  background: var(--card); border: 1px solid var(--edge); border-radius: 0.875rem;
  box-shadow: 0 1px 2px rgb(0 0 0 / 0.06), 0 12px 32px rgb(0 0 0 / 0.08);
}
.door { border-radius: 50% 50% 0.875rem 0.875rem / 6rem 6rem 0.875rem 0.875rem }
.mark { display: block; width: 3rem; height: 3.5rem; margin: 0 auto; color: var(--accent) }
.knob { fill: var(--card) }
.logo { display: block; height: 3.5rem; width: auto; max-width: 100%; margin: 0 auto; object-fit: contain }
.brand { font-weight: 700; font-size: 1.0625rem; line-height: 1.3; text-align: center; text-wrap: balance; color: var(--accent) }
h1 { font-size: 1.5rem; font-weight: 650; text-align: center }
.door h1 { font: 600 1.625rem/1.2 ui-serif, Georgia, "Times New Roman", serif }
.lead { margin-top: -0.375rem; text-align: center; text-wrap: balance; color: var(--quiet) }
.lead strong { color: var(--text) }
form, .actions { display: grid; gap: 1.25rem }
.actions { gap: 0.5rem; justify-items: center }
.actions .button, form .button { width: 100% }
.plain { display: inline-flex; align-items: center; min-height: max(2.75rem, 44px); margin-bottom: -0.5rem; text-align: center }
.elsewhere { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1.25rem; margin-top: -0.5rem }
.elsewhere a:only-child { margin-inline: auto }
label { display: block; margin-bottom: 0.375rem; font-weight: 600 }
input {
  display: block; width: 100%; min-height: max(2.75rem, 44px); padding: 0.5rem 0.75rem;
  border: 1px solid var(--line); border-radius: 0.5rem; background: var(--field); color: var(--text);
  font: inherit; font-size: max(1rem, 16px);
}
input:focus-visible { outline-offset: 1px; border-color: var(--accent) }
input[aria-invalid] { border: 2px solid var(--alert) }
.alert {
  padding: 0.75rem 1rem; border: 1px solid var(--alert); border-inline-start-width: 0.375rem; border-radius: 0.5rem;
  background: var(--alert-ground); color: var(--alert); font-weight: 600; text-wrap: balance;
}
.choices { display: grid; gap: 0.75rem; list-style: none }
.choices a {
  display: flex; align-items: center; justify-content: space-between; gap: 1rem;
  min-height: max(3.25rem, 44px); padding: 0.625rem 1rem;
  border: 1px solid var(--line); border-radius: 0.5rem; background: var(--field);
  color: var(--text); font-weight: 600; text-decoration: none;
}
.choices a:hover { border-color: var(--accent); color: var(--accent) }
.choices svg { flex: none; width: 0.625rem; height: 1rem; color: var(--accent) }
[dir=rtl] .choices svg { transform: scaleX(-1) }
.or { text-align: center; color: var(--quiet) }
.steps { display: grid; gap: 0.5rem; padding-inline-start: 1.375rem }
.steps li::marker { color: var(--accent); font-weight: 600 }
.facts { border-top: 1px solid var(--edge) }
.facts div { padding: 0.625rem 0; border-bottom: 1px solid var(--edge) }
.facts time, .facts span { display: block }
.facts dt, .facts span { color: var(--quiet); font-size: 0.875rem }
.reference {
  display: flex; flex-wrap: wrap; justify-content: center; gap: 0 1rem;
  padding-top: 1rem; border-top: 1px solid var(--edge); color: var(--quiet); font-size: 0.875rem; text-align: center;
}
code { display: inline-block; max-width: 100%; font: 0.9375em ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; user-select: all; hyphens: none }
@media (forced-colors: active) {
  .mark { color: CanvasText }
  .choices svg { color: LinkText }
}
@media (min-width: 30rem) {
  main { padding: 2.25rem 2.25rem 2rem }
}
@media print {
  body { min-height: 0; background: none }
  main { border: 0; box-shadow: none; background: none }
  form, .actions, .elsewhere, .choices, .or { display: none }
}
`

/** The CSP source that allows exactly this style sheet and no other (CSP Level 3, section 2.3.1, hash-source). */
export function styleSource(style: Html): string {
  return `'sha256-${createHash('sha256').update(render(style)).digest('base64')}'`
}
