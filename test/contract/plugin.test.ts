import { startGateway } from '../support/gateway.ts'
import { contract, contractRoutes } from './suite.ts'

contract({
  name: 'the plugin in an app of somebody else',
  start: () => startGateway({ routes: contractRoutes }),
  everyAddress: false,
})
