import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { namedMethods } from '../../src/route/named-methods.ts'

describe('PX-08 the methods that a request names beside its own', () => {
  test('are read from three headers in any spelling', () => {
    for (const name of [
      'X-HTTP-Method-Override',
      'x-http-method-override',
      'X_HTTP_METHOD_OVERRIDE',
      'X.HTTP.Method!Override',
      'X-HTTP-Method',
      'x_http.method',
      'X-Method-Override',
      'X_METHOD_OVERRIDE',
    ])
      assert.deepEqual(namedMethods(['Accept', '*/*', name, 'DELETE']), ['DELETE'], name)
  })

  test('are in upper case, and each there once', () => {
    const headers = ['X-HTTP-Method', ' put ,, Delete', 'X-Method-Override', 'PUT', 'X-HTTP-Method-Override', '']
    assert.deepEqual(namedMethods(headers), ['PUT', 'DELETE'])
  })

  test('stand in no other header, and in no value', () => {
    for (const name of [
      'X-Method',
      'HTTP-Method',
      'XHTTPMethod',
      'X-HTTP-MethodOverride',
      'X-MethodOverride',
      'X-HTTPMethod',
      'XXHTTP-Method',
      'X-HTTP-Method-Override-2',
      'A-X-HTTP-Method',
      'X0HTTP-Method',
      'X-HTTP0Method',
      'X-HTTP-Method0Override',
      'X-Method0Override',
    ])
      assert.deepEqual(namedMethods([name, 'DELETE', 'Other', 'X-HTTP-Method', 'Last', 'DELETE']), [], name)
  })
})
