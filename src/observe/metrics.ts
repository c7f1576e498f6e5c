import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { Meters } from '../base/meters.ts'
import type { KeyRing } from '../keys/ring.ts'
import { createEventCounts } from './event-counts.ts'
import { counted, counter, gauge, histogram, plain, type Snapshot } from './family.ts'

/** The keys as they stand now. */
export interface KeyState {
  readonly roles: KeyRing['roles']
  /** How many things are wrong with the folder. */
  readonly faults: () => number
  readonly now: Clock
}

/** Where numbers come from that no event tells. */
export interface MetricSources {
  /** Keys of the configured upstreams: no other stands in a label. */
  readonly upstreams: Iterable<string>
  readonly meters: Meters
  /** Undefined before there are any. */
  keys(): KeyState | undefined
  /** Whether what processes share can be reached; undefined where that is no question. */
  reachable(): boolean | undefined
}

export interface Metrics {
  readonly sink: EventSink
  /** Of this process, as they stand now. */
  snapshot(): Snapshot
}

/**
 * Counts what happens: an addition for each event, and nothing else until somebody asks. Labels are what the configuration
 * names, key ids of the folder and closed lists, never anything that a request brings, so the number of series is bounded.
 */
export function createMetrics({ upstreams, meters, keys, reachable }: MetricSources): Metrics {
  const counts = createEventCounts(upstreams)

  return {
    sink: counts.sink,
    snapshot: () => [
      counter(
        'postern_sign_ins_total',
        'Attempts to sign in, by upstream and outcome: signed_in, or why not.',
        counted(counts.signIns),
      ),
      counter(
        'postern_token_exchanges_total',
        'Tokens that API clients asked for, by outcome: exchanged, or why not.',
        counted(counts.exchanges),
      ),
      counter(
        'postern_renewals_total',
        'Renewals of sessions, by upstream and outcome: renewed, or why not.',
        counted(counts.renewals),
      ),
      counter(
        'postern_device_sessions_total',
        'Device-bound sessions, by outcome: registered, refreshed, device_challenge, or why not.',
        counted(counts.devices),
      ),
      counter('postern_sign_outs_total', 'Sign-outs, by upstream and whether it was told.', counted(counts.signOuts)),
      counter(
        'postern_backchannel_logouts_total',
        'What providers say of sign-outs there, by upstream and whom it ends: sid, sub, or why it is not believed.',
        counted(counts.backchannel),
      ),
      histogram(
        'postern_upstream_request_duration_seconds',
        'Calls to the services that sign people in, by upstream, call and outcome; fetch: of handlers of the app.',
        calls(),
      ),
      counter('postern_refusals_total', 'Requests that were refused, by reason.', counted(counts.refusals)),
      counter(
        'postern_verifications_total',
        'Tokens that were verified, by the key that they name and outcome: valid, or why not. Keys count since they were read.',
        verifications(),
      ),
      counter(
        'postern_openings_total',
        'Sealed parts that a sealing key opened, since it was read.',
        rolesOf('sealing').map(({ key }) => [{ kid: key.kid }, key.tally.accepted] as const),
      ),
      counter(
        'postern_dpop_proofs_total',
        'Proofs of the keys of clients, by outcome: good, or why not.',
        counted(meters.proofs),
      ),
      counter('postern_memo_lookups_total', 'Look-ups of tokens that may have been verified before, by result.', [
        [{ result: 'hit' }, meters.memo.hits],
        [{ result: 'miss' }, meters.memo.misses],
      ]),
      gauge('postern_memo_entries', 'Verified tokens that are remembered.', plain(meters.current.remembered())),
      histogram('postern_cookie_bytes', 'Bytes of the cookies of a session when they were set.', [
        [{}, counts.cookies],
      ]),
      histogram(
        'postern_backend_request_duration_seconds',
        'Until a backend began its answer, by configured route and class of status, or why there was none.',
        meters.backends.entries(),
      ),
      gauge('postern_open_sockets', 'WebSockets and event streams that are open.', [
        [{ kind: 'websocket' }, meters.current.webSockets()],
        [{ kind: 'event_stream' }, meters.current.eventStreams()],
      ]),
      gauge(
        'postern_session_bound_answers',
        'WebSockets, event streams and answers under way that end with their session.',
        plain(meters.current.bound()),
      ),
      ...keyFamilies(),
      gauge(
        'postern_revocations',
        'What the list of revocations in force names.',
        [
          [{ kind: 'everyone' }, counts.revocations.everyone],
          [{ kind: 'subject' }, counts.revocations.subjects],
          [{ kind: 'session' }, counts.revocations.sessions],
        ],
        'max',
      ),
      gauge(
        'postern_revocations_refused',
        '1 while the revocations file has a fault and the list before it is in force.',
        plain(counts.revocations.refused),
        'max',
      ),
      gauge(
        'postern_redis_up',
        '1 while the server of facts.redis answers, lets the endings be read and takes writes; absent without one.',
        reachable() === undefined ? [] : plain(reachable() === true ? 1 : 0),
        'min',
      ),
      counter('postern_errors_total', 'Faults of ours or of the app: see the log.', plain(counts.errors.value)),
    ],
  }

  function* calls() {
    yield* counts.calls.entries()
    for (const [{ upstream = '', outcome = '' }, measured] of meters.fetches.entries())
      yield [{ upstream, call: 'fetch', outcome }, measured] as const
  }

  function rolesOf(family: 'signing' | 'sealing') {
    return (keys()?.roles() ?? []).filter(({ key }) => key.kind === family)
  }

  function verifications() {
    return [
      ...rolesOf('signing').map(({ key }) => [{ kid: key.kid, outcome: 'valid' }, key.tally.accepted] as const),
      ...counted(meters.unverified),
    ]
  }

  function keyFamilies(): Snapshot {
    const now = keys()?.now() ?? 0
    const roles = (keys()?.roles() ?? []).map(
      ({ key, role }) => [{ kid: key.kid, family: key.kind, role }, key] as const,
    )
    return [
      gauge(
        'postern_key_age_seconds',
        'Time since a key may be used; 0 for one that waits.',
        roles.map(([labels, key]) => [labels, Math.max(0, now - key.activatesAt) / 1000] as const),
        'max',
      ),
      gauge(
        'postern_key_activation_timestamp_seconds',
        'From when on a key may be used.',
        roles.map(([labels, key]) => [labels, key.activatesAt / 1000] as const),
        'max',
      ),
      gauge(
        'postern_key_last_used_timestamp_seconds',
        'When a key last verified or opened something, since it was read.',
        roles.flatMap(([labels, { tally }]) =>
          tally.lastAccepted > 0 ? [[labels, tally.lastAccepted / 1000] as const] : [],
        ),
        'max',
      ),
      gauge(
        'postern_key_folder_faults',
        'Things that are wrong with the key folder; the last good keys are in force.',
        plain(keys()?.faults() ?? 0),
        'max',
      ),
    ]
  }
}
