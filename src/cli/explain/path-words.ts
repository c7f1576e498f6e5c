/** Which rule of the path policy refuses an address, by the fault that `canonicalPath` names. */
export const pathRules: Readonly<Record<string, string>> = {
  not_absolute_path: 'a request target begins with one slash',
  query_character: 'the query holds a raw space, control character, `#` or 8-bit byte; percent-encode it',
  character:
    'the path holds a raw space, control character, backslash, `#` or 8-bit byte; percent-encode it (what follows `#` a browser never sends)',
  encoded_character: 'the path holds an encoded control character (%00 to %1f, %7f) or backslash (%5c)',
  encoding: 'the path holds a percent sign without two hex digits, or bytes that are no UTF-8 once decoded',
  empty_segment: 'the path holds `//`: some servers read it as `/`, some do not',
  dot_segment: 'the path holds a segment `.` or `..`, plain or encoded: some servers resolve it, some do not',
}

/** Of what only a route can allow. */
export const pathSwitches = {
  case: 'the path is for one route as it is written and for another in another case, and some servers take both for one; write it as the route does, or say there whether ignoreCase is true or false',
  slash: 'the path holds `%2f`, which some servers read as a slash; a route may say encodedSlash: forward',
  params: 'the path holds `;`, from which some servers cut the segment off; a route may say pathParams: forward',
} as const
