/** A login service that stands for yours. It knows john and ada, both with the password "password123"; ada is an admin. */
import { startUpstream } from 'postern/testing'

const { origin } = await startUpstream({ port: 5050 })
console.log(`accounts: ${origin}`)
