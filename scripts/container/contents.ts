/** What stands in `/app` of the image while it runs, sorted: what it is made of, and the configuration that is mounted. */
export const contents: readonly string[] = [
  'LICENSE',
  'compiled',
  'dist',
  'docs',
  'keys',
  'node_modules',
  'package.json',
  'postern.yaml',
  'sbom.cdx.json',
]
