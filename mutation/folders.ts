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
      'test/keys/{age,algorithms,folder,generate,key,retention,ring,views}.test.ts',
      'test/keys/{mounted-secret,watch}.test.ts',
    ],
  },
  life: {
    mutate: ['src/life/*.ts'],
    tests: ['test/life/*.test.ts'],
  },
}
