import { html } from '../http/pages/html.ts'
import { baseStyle } from '../http/pages/style-sheet.ts'

/** The sample app looks related to the gateway's pages, yet another house: a bar, wide pages, another accent. */
export const sampleStyle = html`
:root {
  --ground: #ffffff; --card: #f6f3f5; --text: #201c1f; --quiet: #5f565c; --edge: #ddd3d9; --line: #857b81;
  --accent: #7a2e5d; --accent-strong: #571e41;
  --fill: #7a2e5d; --fill-strong: #571e41; --fill-edge: #7a2e5d; --on-fill: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #171417; --card: #231e22; --text: #f0ecee; --quiet: #b5abb1; --edge: #443b41; --line: #8b8087;
    --accent: #eda3cd; --accent-strong: #f7c6e1;
    --fill: #eda3cd; --fill-strong: #f7c6e1; --fill-edge: #eda3cd; --on-fill: #2b0b1e;
  }
}
${baseStyle}
header { background: var(--card); border-top: 0.25rem solid var(--accent); border-bottom: 1px solid var(--edge) }
.bar, main { max-width: 46rem; margin: 0 auto; padding: 0.75rem 1rem }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 1.25rem }
.app { font-weight: 700 }
nav ul { display: flex; flex-wrap: wrap; gap: 0 1.25rem; list-style: none }
nav a { display: inline-flex; align-items: center; min-height: 44px; text-decoration: none }
nav a[aria-current] { color: var(--text); font-weight: 600; box-shadow: inset 0 -2px var(--accent) }
.bar form, .enter { display: flex; align-items: center; gap: 0.75rem; margin-left: auto }
.bar form a { display: inline-flex; align-items: center; min-height: 44px; text-decoration: none }
main { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; padding-block: 2.5rem 4rem }
h1 { font-size: 2rem }
h2 { font-size: 1.25rem; line-height: 1.3; margin-top: 1rem }
ol { display: grid; gap: 0.5rem; padding-left: 1.5rem }
code { font: 0.9em ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace }
pre {
  margin: 0; padding: 0.875rem 1rem; overflow-x: auto; overflow-wrap: normal;
  background: var(--card); border: 1px solid var(--edge); border-radius: 0.5rem;
}
table { border-collapse: collapse; justify-self: start; margin-top: 0.5rem; text-align: left; overflow-wrap: normal }
caption { text-align: left; color: var(--quiet); padding-bottom: 0.25rem }
th, td { padding: 0.5rem 1.25rem 0.5rem 0; vertical-align: top; border-bottom: 1px solid var(--edge) }
dl { border-top: 1px solid var(--edge) }
dl div { display: flex; flex-wrap: wrap; gap: 0 1rem; padding: 0.625rem 0; border-bottom: 1px solid var(--edge) }
dt { flex: 0 0 9rem; color: var(--quiet) }
dd { flex: 1 1 12rem }
.quiet { color: var(--quiet) }
@media (forced-colors: active) {
  nav a[aria-current] { text-decoration: underline }
}
`
