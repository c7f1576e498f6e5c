import { startEnvoyContract } from './envoy-contract.ts'
import { forwardAuthSuite } from './suite.ts'

const limits = { keeps: ['.'], cacheable: true }

await forwardAuthSuite({
  name: 'envoy',
  title: "Envoy's side of the contract",
  missing: false,
  start: startEnvoyContract,
  ...limits,
})
