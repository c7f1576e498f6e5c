// A process in which the libraries of OpenTelemetry cannot be found, as where nobody installed them.
import { registerHooks } from 'node:module'

registerHooks({
  resolve(specifier, context, next) {
    // The format of `/metrics` brings the first of them by itself.
    if (specifier.startsWith('@opentelemetry/') && specifier !== '@opentelemetry/api')
      throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' })
    return next(specifier, context)
  },
})
