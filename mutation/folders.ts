/** What is mutated together, and the tests that are run against it: those without browsers, quickest first. */
export interface Folder {
  readonly mutate: readonly string[]
  readonly tests: readonly string[]
  /** Mutants that are tried at once. Default: 2. */
  readonly concurrency?: number
  /** Milliseconds, and three times what the tests take without a mutant: then they are stuck. Default: 20 seconds. */
  readonly patience?: number
}

/** Every file of these is measured. */
export const core = 'src/{decide.ts,{token,route,keys,life,device}/*.ts}'

export const folders: Readonly<Record<string, Folder>> = {
  decide: {
    mutate: ['src/decide.ts'],
    tests: ['test/decide.test.ts'],
  },
  token: {
    mutate: ['src/token/*.ts'],
    tests: ['test/token/*.test.ts', 'test/security/vectors.test.ts', 'test/security/differential.test.ts'],
  },
  route: {
    mutate: ['src/route/*.ts'],
    tests: ['test/route/*.test.ts'],
  },
  keys: {
    mutate: ['src/keys/*.ts'],
    tests: [
      'test/keys/key.test.ts',
      'test/keys/lifetimes.test.ts',
      'test/keys/ring.test.ts',
      'test/keys/views.test.ts',
      'test/keys/folder.test.ts',
      'test/keys/mounted-secret.test.ts',
      'test/keys/watch.test.ts',
    ],
  },
  /** The rules of it, without what drives a whole gateway. */
  life: {
    mutate: [
      'src/life/{rules,renewal-plan,tombstone,narrow,whose-token,expiring-map}.ts',
      'src/life/{facts,shared-facts,revocations,endings}.ts',
      'src/life/{pace,buckets,login-limits,login-identity}.ts',
    ],
    tests: [
      'test/life/{rules,renewal-plan,tombstone,narrow,expiring-map,facts,once,revocation-file}.test.ts',
      'test/life/{login-limits,pace}.test.ts',
    ],
  },
  /** Who a request comes from, and what it costs to go on being that. */
  'life-session': {
    mutate: [
      'src/life/{authenticate,authentication,known,access-door,key-binding}.ts',
      'src/life/{credentials,session,cookie-budget,person}.ts',
      'src/life/{renew,renewal,refresh-turn,flights}.ts',
    ],
    tests: [
      'test/life/{refresh-turn,credentials,key-binding,session,authenticate,renew,flights}.test.ts',
      'test/device/binding.test.ts',
      'test/life/{renewal,revocations,deletions,replay,flight}.test.ts',
      'test/life/{shown-subject,late-answers,token-sizes}.test.ts',
      'test/http/{credentials,csrf}.test.ts',
      'test/exchange/narrowing.test.ts',
      'test/dpop/doors.test.ts',
    ],
  },
  'life-sign-in': {
    mutate: ['src/life/{sign-in,redirect-sign-in,sign-out,upstream-sign-out}.ts'],
    tests: [
      'test/life/{sign-in,redirect-sign-in,sign-out,pace}.test.ts',
      'test/life/{second-step,throttled}.test.ts',
      'test/oidc/{sign-in,logout,backchannel-logout}.test.ts',
    ],
  },
  /** Tokens and sessions that are bound to a key. */
  'life-binding': {
    mutate: ['src/life/{proofs,device-sessions}.ts'],
    tests: ['test/dpop/{doors,replicas}.test.ts', 'test/device/{sessions,ends,attacks}.test.ts'],
  },
  device: {
    mutate: ['src/device/*.ts'],
    tests: ['test/device/{key,wire,binding,challenge,proof}.test.ts', 'test/device/{sessions,ends,attacks}.test.ts'],
  },
  'life-exchange': {
    mutate: ['src/life/{exchange,clients,client-assertion}.ts'],
    tests: ['test/life/{exchange,clients}.test.ts', 'test/exchange/{clients,limits,narrowing,subject-tokens}.test.ts'],
  },
  /** What lasts longer than a request, and what is said to the backend. */
  'life-open': {
    mutate: ['src/life/{bindings,backend-credentials,token-source}.ts'],
    tests: ['test/life/{bindings,backend-credentials,token-source}.test.ts'],
  },
  /** What several processes have in common. */
  'life-shared': {
    mutate: ['src/life/{memory-store,shared-store,revocation-file,revocation-text,revocation-watch}.ts'],
    tests: ['test/life/{memory-store,revocation-file,once}.test.ts'],
  },
  /**
   * With a real Redis for each of those at once, which has to be there. They wait more than they work, and every wait has
   * an end: one that takes minutes is on a machine that has much to do.
   */
  'life-redis': {
    concurrency: 4,
    patience: 240_000,
    mutate: ['src/life/{redis-store,redis-link,redis-scripts}.ts'],
    tests: ['test/life/{redis-missing,redis-store,redis-link}.test.ts'],
  },
}
