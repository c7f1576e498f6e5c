import * as Type from './type.ts'
import {
  choice,
  conditionParts,
  cookieName,
  duration,
  flag,
  headerName,
  keys,
  map,
  pathTemplate,
  place,
  pointer,
  secretText,
  strict,
  text,
  variableName,
} from './schema.ts'

/* What the calls to an upstream are described with: one request language and the same places serve every call. */

export const request = (description: string) =>
  strict(
    {
      method: Type.Optional(choice(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], 'The method.', 'POST')),
      path: pathTemplate(
        'Path and query. `{username}`-style fields are percent-encoded; `name={field}` in the query is left out where the field is optional and left empty.',
      ),
      headers: Type.Optional(
        map(
          keys.header,
          secretText('Text, in which fields are filled in, or `{ file: PATH }` or `{ env: NAME }` for a secret.'),
          'Headers to send. One that is nothing but an optional field left empty is left out.',
        ),
      ),
      json: Type.Optional(
        Type.Unknown({
          description:
            'A JSON body of any shape and depth. Fields in its strings are filled in; a member that is nothing but an optional field left empty is left out.',
        }),
      ),
      form: Type.Optional(
        map(keys.form, Type.String(), 'A form body (application/x-www-form-urlencoded). Fields are filled in.'),
      ),
      contentType: Type.Optional(text('Content type to send instead of that of the body.')),
      basic: Type.Optional(
        strict(
          { username: text('User name; fields are filled in.'), password: text('Password; fields are filled in.') },
          'HTTP Basic (RFC 7617), beside a body if there is one.',
        ),
      ),
    },
    description,
    'request',
  )

const units = ['seconds', 'milliseconds', 'epoch', 'epoch-milliseconds', 'iso', 'http-date'] as const

export const expiry = (description: string) =>
  Type.Union(
    [
      Type.Literal('never', { description: 'It does not end.' }),
      strict({ lifetime: duration('Lifetime from sign-in.') }, 'A lifetime that the service does not tell.'),
      strict({ cookieAge: cookieName('Name of the cookie.') }, '`Max-Age` or `Expires` of a cookie.'),
      strict(
        {
          json: Type.Optional(pointer('JSON Pointer into the body of the answer.')),
          jwt: Type.Optional(pointer("JSON Pointer into the payload of the service's token.")),
          header: Type.Optional(headerName('Name of a response header.')),
          unit: Type.Optional(
            choice(
              units,
              '`seconds` and `milliseconds` are lifetimes; the others are points in time. Default: `seconds`, for `jwt` `epoch`.',
            ),
          ),
          base: Type.Optional(
            strict(
              {
                json: pointer('JSON Pointer into the body of the answer.'),
                unit: Type.Optional(choice(units.slice(2), 'Its unit.', 'epoch')),
              },
              'The point in time that a lifetime counts from. Default: when the answer came.',
            ),
          ),
        },
        'A value in the answer: one of `json`, `jwt` and `header`.',
      ),
    ],
    { title: 'expiry', description },
  )

export const field = strict(
  {
    name: variableName('Name; `{name}` stands for what was typed.'),
    label: Type.Optional(
      text(
        'What stands beside it. Default: the word for its `autocomplete`, in the language of the page; known are `username`, `current-password`, `email`, `tel` and `one-time-code`.',
      ),
    ),
    type: Type.Optional(choice(['text', 'password', 'email', 'tel'], 'Kind of input.', 'text')),
    autocomplete: Type.Optional(text('The `autocomplete` token, such as `one-time-code`.')),
    required: Type.Optional(flag('Whether it must be filled in.', true)),
  },
  'One field of the form.',
  'field',
)

export const atLogin = 'Default: as at login.'

/** @param orElse what happens without them, as the end of each description */
export const grantPlaces = (orElse = { expiry: 'Without it, only the check call tells.', others: '' }) => ({
  refreshToken: Type.Optional(place(`Where the service's refresh token is. ${orElse.others}`.trim())),
  expiry: Type.Optional(expiry(`When the service's token ends. ${orElse.expiry}`)),
  values: Type.Optional(
    map(
      keys.variable,
      place('Where the value is.'),
      `Further values that check, refresh, profile and logout may use as \`{name}\`. They are sealed with the token and take room in the cookie. ${orElse.others}`.trim(),
    ),
  ),
})

export const grantPlacesAsAtLogin = grantPlaces({ expiry: atLogin, others: atLogin })

/** Refusals that are about a moment: another try later may do. */
const passing: ReadonlySet<string> = new Set(['rate_limited', 'unavailable'])

export const asksToWait = (kind: string): boolean => passing.has(kind)

export const signInKinds = ['bad_credentials', 'locked', 'password_expired', 'rate_limited', 'unavailable'] as const
export const laterKinds = ['refused', 'unavailable'] as const

/** @param more further members of each */
export const refusals = <const Kinds extends readonly string[], const More extends Type.Members>(
  kinds: Kinds,
  title: string,
  description: string,
  more: More,
) =>
  Type.Array(
    strict(
      {
        ...conditionParts,
        as: choice(kinds, 'What it means.'),
        retryAfter: Type.Optional(
          duration(
            `How long to wait before another try, with ${kinds.filter(asksToWait).join(' or ')}, where the answer does not say. At most 1h.`,
          ),
        ),
        ...more,
      },
      'One refusal, by one part at least.',
      title,
    ),
    { description },
  )

export type RequestOptions = Type.Static<ReturnType<typeof request>>
export type FieldOptions = Type.Static<typeof field>
export type ExpiryOptions = Type.Static<ReturnType<typeof expiry>>
