import assert from 'node:assert/strict'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { fullFormats } from 'ajv-formats/dist/formats.js'
import type { Answer } from './browser-client.ts'

type Json = Readonly<Record<string, unknown>>

export interface DescribedResponse {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean }>>
  readonly content?: Readonly<Record<string, { readonly schema: Json }>>
}

export interface DescribedOperation {
  readonly operationId: string
  readonly responses: Readonly<Record<string, DescribedResponse>>
}

/** A description as `GET /_auth/openapi.json` gives it. */
export interface Description {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>
  readonly components: { readonly schemas: Json }
}

/** Compares answers with what is described, and remembers which were seen. */
export interface Judge {
  /** Fails where an answer has a status, a type, a header or a member that is not described. */
  (operationId: string, answer: Answer): Answer
  /** `operationId status`, of all that were described by their status and have not been seen. */
  unseen(): readonly string[]
}

export function createJudge(description: Description): Judge {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, formats: fullFormats })
  // A word of OpenAPI around schemas.
  ajv.addVocabulary(['components'])
  ajv.addSchema({ $id: 'openapi', components: { schemas: closed(description.components.schemas) } })
  const operations = new Map(
    Object.values(description.paths)
      .flatMap((item) => Object.values(item))
      .map((operation) => [operation.operationId, operation]),
  )
  const seen = new Set<string>()
  const compiled = new Map<object, ValidateFunction>()

  function judge(operationId: string, answer: Answer): Answer {
    const { status, headers, text } = answer
    const where = `${operationId} ${status}`
    const operation = operations.get(operationId)
    assert.ok(operation, `${operationId} is described`)
    const response = operation.responses[status] ?? operation.responses['default']
    assert.ok(response, `${where} is described`)
    if (status in operation.responses) seen.add(where)
    for (const [name, { required }] of Object.entries(response.headers ?? {}))
      if (required === true) assert.ok(headers[name.toLowerCase()] !== undefined, `${where} has ${name}`)
    if (text === '') {
      assert.ok(response.content === undefined || answer.headers['content-length'] === '0', `${where} has a body`)
      return answer
    }
    const type = String(headers['content-type']).split(';', 1)[0] ?? ''
    const { schema } = response.content?.[type] ?? {}
    assert.ok(schema, `${where} is described as ${type}`)
    const validate = compiled.get(schema) ?? ajv.compile(closed(schema) as Json)
    compiled.set(schema, validate)
    const value: unknown = type.endsWith('json') ? JSON.parse(text) : text
    assert.ok(validate(value), `${where}: ${ajv.errorsText(validate.errors)} in ${text.slice(0, 300)}`)
    return answer
  }

  return Object.assign(judge, {
    unseen: () =>
      [...operations.values()]
        .flatMap(({ operationId, responses }) => Object.keys(responses).map((status) => `${operationId} ${status}`))
        .filter((where) => !where.endsWith(' default') && !seen.has(where)),
  })
}

/** Members that are not described are a fault of the description here, and nothing that a client has to mind. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const copy = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, closed(one)]))
  if (typeof copy['$ref'] === 'string') return { $ref: `openapi${copy['$ref']}` }
  return 'properties' in copy && !('additionalProperties' in copy) ? { ...copy, additionalProperties: false } : copy
}
