import type { PosternEvent } from '../base/events.ts'
import { count, Histogram, timing } from '../base/meters.ts'
import { reasons } from '../base/reasons.ts'
import { others, Series } from '../base/series.ts'

/** Bytes; two of them are the budgets of one cookie and of two. */
const sizes = [500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_400, 3_800, 5_000, 7_000]

/** What events add up to: one addition for each. @param upstreams the only ones that stand in a label */
export function createEventCounts(upstreams: Iterable<string>) {
  const known = new Set(upstreams)
  const refusals = new Series(['reason'], count)
  const signIns = new Series(['upstream', 'outcome'], count)
  const exchanges = new Series(['outcome'], count)
  const renewals = new Series(['upstream', 'outcome'], count)
  const devices = new Series(['outcome'], count)
  const signOuts = new Series(['upstream', 'outcome'], count)
  const backchannel = new Series(['upstream', 'outcome'], count)
  const calls = new Series(['upstream', 'call', 'outcome'], timing)
  const cookies = new Histogram(sizes)
  const revocations = { everyone: 0, subjects: 0, sessions: 0, refused: 0 }
  const errors = count()

  // What an alert watches for is there before it happens: a rise from nothing would not be seen as one.
  for (const reason of Object.keys(reasons)) refusals.of(reason)
  for (const upstream of known) {
    signIns.of(upstream, 'signed_in')
    for (const series of [signIns, renewals]) series.of(upstream, 'cookie_too_large')
    renewals.of(upstream, 'renewed')
    for (const outcome of ['upstream_told', 'upstream_not_told']) signOuts.of(upstream, outcome)
    for (const call of ['login', 'check', 'refresh', 'logout'])
      for (const outcome of ['upstream_bad', 'upstream_slow', 'upstream_unavailable']) calls.of(upstream, call, outcome)
  }

  const upstreamOf = ({ upstream }: PosternEvent) => (upstream !== undefined && known.has(upstream) ? upstream : others)

  function sink(event: PosternEvent): void {
    switch (event.type) {
      case 'refused':
        refusals.of(event.reason).value += 1
        if (event.reason === 'bad_logout_token') backchannel.of(upstreamOf(event), event.reason).value += 1
        break
      case 'signed_in':
        signIns.of(upstreamOf(event), 'signed_in').value += 1
        if (event.carrier === 'cookie') cookies.observe(event.cookieBytes)
        break
      case 'sign_in_refused':
        signIns.of(upstreamOf(event), event.reason).value += 1
        break
      case 'token_exchanged':
        exchanges.of('exchanged').value += 1
        break
      case 'token_refused':
        exchanges.of(event.reason).value += 1
        break
      case 'device_registered':
        devices.of('registered').value += 1
        cookies.observe(event.cookieBytes)
        break
      case 'device_refreshed':
        devices.of('refreshed').value += 1
        break
      case 'device_refused':
        devices.of(event.reason).value += 1
        break
      case 'renewed':
        renewals.of(upstreamOf(event), 'renewed').value += 1
        cookies.observe(event.cookieBytes)
        break
      case 'renewal_failed':
        renewals.of(upstreamOf(event), event.reason).value += 1
        break
      case 'signed_out':
        signOuts.of(upstreamOf(event), event.upstreamTold ? 'upstream_told' : 'upstream_not_told').value += 1
        break
      case 'upstream_signed_out':
        signOuts.of(upstreamOf(event), 'by_upstream').value += 1
        backchannel.of(upstreamOf(event), event.by).value += 1
        break
      case 'upstream_call':
        // A clock may be set back meanwhile.
        calls.of(upstreamOf(event), event.call, event.outcome).observe(Math.max(0, event.milliseconds) / 1000)
        break
      case 'revocations_applied':
        Object.assign(revocations, {
          everyone: event.everyone ? 1 : 0,
          subjects: event.subjects,
          sessions: event.sessions,
          refused: 0,
        })
        break
      case 'revocations_refused':
        revocations.refused = 1
        break
      case 'error':
        errors.value += 1
        break
      // Others count these, or nobody does.
      case 'answered':
      case 'cookie_bill':
      case 'insecure':
      case 'keys_changed':
      case 'keys_in_use':
      case 'keys_refused':
      case 'notice':
      case 'started':
      case 'stopped':
      case 'warning':
        break
    }
  }

  return {
    sink,
    signIns,
    exchanges,
    renewals,
    devices,
    signOuts,
    backchannel,
    calls,
    refusals,
    cookies,
    revocations,
    errors,
  }
}
