import * as Type from './type.ts'

/*
 * The words that the description of the configuration is made of. `title` names a kind of value in the reference;
 * `errorMessage` is what a fault says instead of "does not match the pattern", in our faults and in editors alike.
 */

export const strict = <M extends Type.Members>(
  properties: M,
  description: string,
  title?: string,
): Type.ObjectSchema<M> =>
  Type.Object(properties, { additionalProperties: false, description, ...(title === undefined ? {} : { title }) })

const defaulting = (fallback: string | undefined) => (fallback === undefined ? {} : { default: fallback })

export const duration = (description: string, fallback?: string) =>
  Type.String({
    title: 'duration',
    description,
    pattern: '^[0-9]{1,9}(ms|s|m|h|d)$',
    errorMessage: 'must be a duration such as 500ms, 30s, 5m, 8h or 30d',
    ...defaulting(fallback),
  })

export const rate = (description: string, fallback?: string) =>
  Type.String({
    title: 'rate',
    description,
    pattern: '^[1-9][0-9]{0,5}/[0-9]{0,5}(s|m|h)$',
    errorMessage: 'must be a rate such as 5/1m or 50/15m',
    ...defaulting(fallback),
  })

export const size = (description: string) =>
  Type.String({
    title: 'size',
    description,
    pattern: '^[0-9]{1,9}(B|kB|MB|GB)$',
    errorMessage: 'must be a size such as 16kB or 10MB',
  })

export const text = (description: string, fallback?: string) =>
  Type.String({ description, minLength: 1, ...defaulting(fallback) })

export const origin = (description: string) => Type.String({ title: 'origin', description, minLength: 1 })

export const pathTemplate = (description: string) =>
  Type.String({ description, pattern: '^/', errorMessage: 'must be a path that begins with /' })

export const pointer = (description: string) =>
  Type.String({
    title: 'JSON Pointer',
    description,
    pattern: '^(/([^~]|~[01])*)?$',
    errorMessage: 'must be a JSON Pointer (RFC 6901), such as /user/id; the empty one is the whole document',
  })

/** RFC 9110 section 5.6.2. */
const tokenPattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

export const headerName = (description: string, fallback?: string) =>
  Type.String({
    description,
    pattern: tokenPattern,
    errorMessage: 'must be the name of an HTTP header',
    ...defaulting(fallback),
  })

export const cookieName = (description: string) =>
  Type.String({ description, pattern: tokenPattern, errorMessage: 'must be the name of a cookie' })

export const choice = <const T extends readonly string[]>(values: T, description: string, fallback?: T[number]) =>
  Type.Enum(values, { description, ...defaulting(fallback) })

export const flag = (description: string, fallback?: boolean) =>
  Type.Boolean({ description, ...(fallback === undefined ? {} : { default: fallback }) })

interface KeyRule {
  readonly pattern: string
  readonly errorMessage: string
}

/** What the keys of a map may be. A key of another form is a fault, not something to pass over. */
export const keys = {
  upstream: {
    pattern: '^[a-z][a-z0-9-]{0,31}$',
    errorMessage:
      'the key of an upstream begins with a lower-case letter and goes on with at most 31 of them, digits and `-`',
  },
  variable: {
    pattern: '^[a-z][A-Za-z0-9_]{0,31}$',
    errorMessage:
      'a name for `{name}` begins with a lower-case letter and goes on with at most 31 letters, digits and `_`',
  },
  claim: {
    pattern: '^[A-Za-z][A-Za-z0-9_:./-]{0,63}$',
    errorMessage:
      'the name of a claim begins with a letter and goes on with at most 63 letters, digits and `_ : . / -`',
  },
  header: { pattern: tokenPattern, errorMessage: 'this is not the name of an HTTP header' },
  form: {
    pattern: '^[^\\u0000-\\u001f]+$',
    errorMessage: 'the name of a form value may not be empty or hold control characters',
  },
} as const satisfies Record<string, KeyRule>

export const map = <S extends Type.Schema>(key: KeyRule, value: S, description: string) =>
  Type.Map(key.pattern, value, {
    description,
    additionalProperties: false,
    errorMessage: key.errorMessage,
  })

export const variableName = (description: string) => Type.String({ description, ...keys.variable })

/** A text that may be secret. In a file or in the environment it never stands in the configuration itself. */
export const secretText = (description: string) =>
  Type.Union(
    [
      Type.String({ description: 'The text itself.' }),
      strict({ file: text('Path of a file that holds it; a final line break is cut.') }, 'A secret in a file.'),
      strict({ env: text('Name of the environment variable that holds it.') }, 'A secret in the environment.'),
    ],
    { title: 'secret text', description },
  )

/**
 * @param title names the kind of place
 * @param ofList further members where a list may be found
 * @param ofText further members where one line of text may be found
 */
const placeWith = <OfList extends Type.Members, OfText extends Type.Members>(
  title: string,
  description: string,
  ofList: OfList,
  ofText: OfText,
) =>
  Type.Union(
    [
      strict(
        { json: pointer('JSON Pointer (RFC 6901) into the body of the answer.'), ...ofList, ...ofText },
        'A value in the JSON body.',
      ),
      strict(
        {
          jwt: pointer(
            "JSON Pointer into the payload of the service's token, when that is a JWT. It is read, not verified.",
          ),
          ...ofList,
          ...ofText,
        },
        "A claim of the service's token.",
      ),
      strict({ field: text('Name of the field.') }, 'What the person typed into a field of the sign-in form.'),
      strict(
        {
          header: headerName('Name of the header.'),
          scheme: Type.Optional(text('Word to cut off the front, such as `Bearer`.')),
          ...ofText,
        },
        'A response header.',
      ),
      strict(
        {
          cookie: cookieName('Name of the cookie.'),
          decode: Type.Optional(flag('Whether to percent-decode it.', false)),
        },
        'A cookie of the answer; of several with that name the last.',
      ),
      strict(
        { cookies: Type.Array(cookieName('Name of a cookie.'), { minItems: 1, description: 'Names.' }) },
        'Several cookies as one bundle.',
      ),
      strict({ text: Type.Literal(true, { description: 'Always `true`.' }) }, 'The whole body as text.'),
    ],
    { title, description },
  )

export const place = (description: string) => placeWith('place', description, {}, {})

const claimPlace = (description: string) =>
  placeWith(
    'claim place',
    description,
    {
      each: Type.Optional(
        pointer('Of a list, JSON Pointer into each member to its value. Members without one are left out.'),
      ),
    },
    {
      split: Type.Optional(
        text(
          'What stands between several values in one text, such as `,`. Spaces around a value, and empty ones, are dropped.',
        ),
      ),
    },
  )

export const claimPlaces = (description: string) =>
  map(keys.claim, claimPlace('Where the claim is found.'), description)

const presence = {
  exists: Type.Optional(flag('It must be there (`true`) or must not (`false`). `null` is there.')),
}

const named = (what: string, name: typeof headerName | typeof cookieName) =>
  strict(
    {
      name: name(`Name of the ${what}.`),
      equals: Type.Optional(Type.String({ description: 'It must be this.' })),
      ...presence,
    },
    `A condition on a ${what}: \`equals\` or \`exists\`.`,
  )

export const conditionParts = {
  status: Type.Optional(
    Type.Array(Type.Integer({ minimum: 100, maximum: 599 }), { description: 'Any of these statuses.' }),
  ),
  body: Type.Optional(
    Type.Array(
      strict(
        {
          json: pointer('JSON Pointer into the body of the answer.'),
          equals: Type.Optional(
            Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()], {
              description: 'The value must be this one, of the same JSON type: `0` is not `"0"`.',
            }),
          ),
          ...presence,
        },
        'A condition on the body: `equals` or `exists`.',
      ),
      { description: 'All of these must hold.' },
    ),
  ),
  text: Type.Optional(
    strict(
      {
        equals: Type.Optional(Type.String({ description: 'The trimmed body must be this.' })),
        contains: Type.Optional(text('The body must contain this.')),
      },
      'A condition on the body as text: `equals` or `contains`.',
    ),
  ),
  headers: Type.Optional(Type.Array(named('response header', headerName), { description: 'All of these must hold.' })),
  cookies: Type.Optional(Type.Array(named('cookie', cookieName), { description: 'All of these must hold.' })),
}

export const condition = (description: string) => strict(conditionParts, description, 'condition')

export type PlaceOptions = Type.Static<ReturnType<typeof place>>
export type ClaimPlaceOptions = Type.Static<ReturnType<typeof claimPlace>>
export type ConditionOptions = Type.Static<ReturnType<typeof condition>>
