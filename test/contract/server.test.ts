import { startGateway } from '../support/gateway.ts'
import { contract, contractRoutes } from './suite.ts'

contract({
  name: 'the server',
  start: () => startGateway({ face: 'server', routes: contractRoutes }),
  everyAddress: true,
})
