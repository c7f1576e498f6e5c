/** What is mutated together, and the tests that are run against it: those without browsers, quickest first. */
export interface Folder {
  readonly mutate: readonly string[]
  readonly tests: readonly string[]
}

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
      'test/life/{rules,renewal-plan,tombstone,narrow,expiring-map,facts}.test.ts',
      'test/life/{login-limits,pace}.test.ts',
    ],
  },
}
