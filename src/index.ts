/**
 * Postern for Fastify: `createPostern` for one or several typed instances, the default export for the common single one.
 * The types of what the latter decorates come with `postern/decorated`; what tests need is in `postern/testing`.
 */
export type { Auth, Require } from './auth.ts'
export { createPostern, type Postern, type Runtime } from './plugin.ts'
export type { Options } from './config/options.ts'
export type { Guard, GuardOptions } from './http/guard.ts'
export type { FetchInit } from './life/token-source.ts'
export type { EventContext, EventSink, PosternEvent } from './base/events.ts'
export { PosternError, errorCodes, type ErrorCode } from './base/errors.ts'
export { clientCodes, reasons, type ClientCode, type Reason } from './base/reasons.ts'

/** One instance, with `app.requireAuth()` and `request.auth`. In TypeScript take it from `postern/decorated`. */
export { single as default } from './single.ts'
