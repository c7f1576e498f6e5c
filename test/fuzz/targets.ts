import { headers, loginAnswer } from './exchanges.ts'
import { authorization, cookies, original, path, returnTo } from './requests.ts'
import type { Target } from './target.ts'
import { configuration, environment, keyFile, revocations } from './texts.ts'
import { dpopProof, jwt, sealedToken } from './tokens.ts'

export const targets: readonly Target[] = [
  path,
  cookies,
  authorization,
  returnTo,
  original,
  headers,
  loginAnswer,
  configuration,
  environment,
  revocations,
  keyFile,
  jwt,
  sealedToken,
  dpopProof,
]
