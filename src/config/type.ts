import type { SchemaNode } from './schema-node.ts'

/*
 * JSON Schema written as functions, each of which knows the TypeScript type of what fits it. Why no library does this:
 * docs/decisions.md.
 */

declare const fitting: unique symbol

/** A JSON Schema, and in the type alone what fits it. */
export interface Schema<T = unknown> extends SchemaNode {
  readonly [fitting]?: T
}

export type Static<S> = S extends Schema<infer T> ? T : never

/** A member that need not be there. */
class Opt<S extends Schema = Schema> {
  readonly schema: S
  constructor(schema: S) {
    this.schema = schema
  }
}

export type Members = Readonly<Record<string, Schema | Opt>>

type Flat<T> = { [K in keyof T]: T[K] }

type StaticOf<M extends Members> = Flat<
  { [K in keyof M as M[K] extends Opt ? never : K]: Static<M[K]> } & {
    [K in keyof M as M[K] extends Opt ? K : never]?: M[K] extends Opt<infer S> ? Static<S> : never
  }
>

type SchemaOf<M> = M extends Opt<infer S> ? S : M extends Schema ? M : never

export interface ObjectSchema<M extends Members> extends Schema<StaticOf<M>> {
  readonly properties: { readonly [K in keyof M]: SchemaOf<M[K]> }
}

const optional = <S extends Schema>(schema: S): Opt<S> => new Opt(schema)

function objectOf<M extends Members>(members: M, rest: Omit<SchemaNode, 'properties'> = {}): ObjectSchema<M> {
  const entries = Object.entries(members)
  const required = entries.flatMap(([name, member]) => (member instanceof Opt ? [] : [name]))
  const properties = entries.map(([name, member]) => [name, member instanceof Opt ? member.schema : member])
  return {
    type: 'object',
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(properties) as ObjectSchema<M>['properties'],
    ...rest,
  }
}

/** Keys of one form to values of one kind. */
const mapOf = <S extends Schema>(key: string, value: S, rest: SchemaNode = {}): Schema<Record<string, Static<S>>> => ({
  type: 'object',
  patternProperties: { [key]: value },
  ...rest,
})

const arrayOf = <S extends Schema>(items: S, rest: SchemaNode = {}): Schema<Static<S>[]> => ({
  type: 'array',
  items,
  ...rest,
})

const unionOf = <const S extends readonly Schema[]>(anyOf: S, rest: SchemaNode = {}): Schema<Static<S[number]>> => ({
  anyOf,
  ...rest,
})

const literal = <const T extends string | boolean>(value: T, rest: SchemaNode = {}): Schema<T> => ({
  type: typeof value === 'string' ? 'string' : 'boolean',
  const: value,
  ...rest,
})

const oneOf = <const T extends readonly string[]>(values: T, rest: SchemaNode = {}): Schema<T[number]> => ({
  enum: [...values],
  ...rest,
})

const string = (rest: SchemaNode = {}): Schema<string> => ({ type: 'string', ...rest })
const number = (rest: SchemaNode = {}): Schema<number> => ({ type: 'number', ...rest })
const integer = (rest: SchemaNode = {}): Schema<number> => ({ type: 'integer', ...rest })
const boolean = (rest: SchemaNode = {}): Schema<boolean> => ({ type: 'boolean', ...rest })
const nothing = (): Schema<null> => ({ type: 'null' })
const unknown = (rest: SchemaNode = {}): Schema => rest

export {
  arrayOf as Array,
  boolean as Boolean,
  integer as Integer,
  literal as Literal,
  mapOf as Map,
  nothing as Null,
  number as Number,
  objectOf as Object,
  oneOf as Enum,
  optional as Optional,
  string as String,
  unionOf as Union,
  unknown as Unknown,
}
