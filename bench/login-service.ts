/** The sample login service, in a process of its own. */
import { startLoginService } from '../src/demo/login-service.ts'
import { serve } from './process.ts'

const { origin } = await startLoginService()

serve({ origin: (): string => origin })
