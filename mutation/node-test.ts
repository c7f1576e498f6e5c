/**
 * Stands in for `node:test` where tests are run again and again in one process, each time with another mutant. Knows
 * what the tests named in `folders.ts` use, and runs one test after the other.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

type Body = (context: Context) => unknown
type Hook = () => unknown
interface Options {
  readonly skip?: boolean | string | undefined
}

interface Context {
  readonly name: string
  after(hook: Hook): void
  skip(): void
}

interface Test {
  readonly kind: 'test'
  readonly name: string
  readonly body: Body
}

interface Suite {
  readonly kind: 'suite'
  readonly name: string
  readonly children: (Suite | Test)[]
  readonly before: Hook[]
  readonly after: Hook[]
  readonly beforeEach: Hook[]
  readonly afterEach: Hook[]
}

function emptySuite(name: string): Suite {
  return { kind: 'suite', name, children: [], before: [], after: [], beforeEach: [], afterEach: [] }
}

/** The suite that is being described, also where that takes a promise. */
const describing = new AsyncLocalStorage<Suite>()
let descriptions: Promise<unknown>[] = []

function current(): Suite {
  return describing.getStore() ?? emptySuite('')
}

function read(rest: readonly (Options | Body)[]): { readonly body: Body; readonly skipped: boolean } {
  const options = rest.find((one) => typeof one === 'object')
  const body = rest.find((one) => typeof one === 'function') ?? (() => {})
  return { body, skipped: options?.skip !== undefined && options.skip !== false }
}

export function test(name: string, ...rest: readonly (Options | Body)[]): void {
  const { body, skipped } = read(rest)
  if (!skipped) current().children.push({ kind: 'test', name, body })
}

export function describe(name: string, ...rest: readonly (Options | Body)[]): void {
  const { body, skipped } = read(rest)
  if (skipped) return
  const inner = emptySuite(name)
  current().children.push(inner)
  descriptions.push(describing.run(inner, async () => (body as () => unknown)()))
}

export const it = test
export const suite = describe
export const before = (hook: Hook): void => void current().before.push(hook)
export const after = (hook: Hook): void => void current().after.push(hook)
export const beforeEach = (hook: Hook): void => void current().beforeEach.push(hook)
export const afterEach = (hook: Hook): void => void current().afterEach.push(hook)

/** What the runner wants to know of and say to a run of one file. */
export interface Listener {
  /** Whether a test is to be run. */
  readonly wants: (name: string) => boolean
  /** What runs now: a test, or undefined for what is set up for several. */
  readonly running: (name: string | undefined) => void
  /** False: stop. */
  readonly done: (name: string, fault: unknown, milliseconds: number) => boolean
}

let crash = Promise.withResolvers<never>()
crash.promise.catch(() => {})

/** Something failed outside of every promise that the test waits for. */
export function crashed(fault: unknown): void {
  crash.reject(fault)
}

/** Imports the file and runs its tests. A set-up that fails is a failure of the first test that needs it. */
export async function runFile(url: string, listener: Listener): Promise<void> {
  crash = Promise.withResolvers<never>()
  crash.promise.catch(() => {})
  const root = emptySuite('')
  descriptions = []
  listener.running(undefined)
  try {
    await describing.run(root, async () => {
      await import(url)
      while (descriptions.length > 0) await descriptions.shift()
    })
  } catch (fault) {
    listener.done('', fault, 0)
    return
  }
  await runSuite(root, '', [], listener)
}

function anyWanted({ children }: Suite, path: string, listener: Listener): boolean {
  return children.some((one) =>
    one.kind === 'test' ? listener.wants(path + one.name) : anyWanted(one, `${path}${one.name} > `, listener),
  )
}

/** True: go on. */
async function runSuite(one: Suite, path: string, around: readonly Suite[], listener: Listener): Promise<boolean> {
  if (!anyWanted(one, path, listener)) return true
  const inside = [...around, one]
  let on = true
  try {
    listener.running(undefined)
    for (const hook of one.before) await guarded(hook)
    for (const child of one.children) {
      on =
        child.kind === 'suite'
          ? await runSuite(child, `${path}${child.name} > `, inside, listener)
          : await runTest(child, path + child.name, inside, listener)
      if (!on) break
    }
  } catch (fault) {
    on = listener.done(path, fault, 0)
  }
  listener.running(undefined)
  for (const hook of one.after) {
    try {
      await guarded(hook)
    } catch (fault) {
      if (on) on = listener.done(path, fault, 0)
    }
  }
  return on
}

async function runTest({ body }: Test, name: string, inside: readonly Suite[], listener: Listener): Promise<boolean> {
  if (!listener.wants(name)) return true
  const begin = performance.now()
  const hooks: Hook[] = inside.toReversed().flatMap(({ afterEach }) => afterEach)
  let fault: unknown
  listener.running(name)
  const attempt = async (hook: Hook) => {
    try {
      await guarded(hook)
    } catch (thrown) {
      fault ??= thrown ?? new Error('nothing was thrown')
    }
  }
  for (const { beforeEach } of inside) for (const hook of beforeEach) await attempt(hook)
  const context = { name, after: (hook: Hook) => void hooks.push(hook), skip: () => {} }
  if (fault === undefined) await attempt(() => body(context))
  for (const hook of hooks) await attempt(hook)
  return listener.done(name, fault, performance.now() - begin)
}

async function guarded(hook: Hook): Promise<void> {
  await Promise.race([hook(), crash.promise])
}
