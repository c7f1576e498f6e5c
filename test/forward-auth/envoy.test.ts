import { envoy } from './programs.ts'
import { forwardAuthSuite } from './suite.ts'

await forwardAuthSuite({
  ...envoy,
  title: envoy.missing === false ? `envoy, ${envoy.version()}` : 'envoy',
  keeps: ['.'],
  cacheable: true,
})
