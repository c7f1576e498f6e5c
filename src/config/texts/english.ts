/**
 * Everything that the pages say, by key. `{…}` is filled in. English is the one that the other languages are measured by;
 * docs/pages.md lists the keys.
 */
export const english = {
  'signIn.title': 'Sign in',
  'signIn.failed': 'Sign-in failed',
  'signIn.lead': 'Use your account at {upstream}.',
  'signIn.choose': 'Choose the account to use.',
  'signIn.submit': 'Sign in',
  'signIn.beside': 'or go on with',
  'signIn.other': 'Use another account',
  'signIn.forgotPassword': 'Forgot password?',
  'signIn.register': 'Create an account',
  'signIn.wrong': 'The name or the password is not right.',
  'signIn.incomplete': 'Please fill in every field.',
  'signIn.limited': 'Too many attempts. Please try again later.',
  'signIn.limitedUntil': 'Too many attempts. Please try again {when}.',
  'signIn.unavailable': 'The sign-in service does not work right now. Please try again shortly.',
  'signIn.again': 'The sign-in took too long. Please start again.',

  'step.title': 'One more step',
  'step.lead': 'Your account at {upstream} asks for this as well.',
  'step.submit': 'Continue',
  'step.wrong': 'That is not right. Please try again.',
  'step.restart': 'Start again',

  'field.username': 'User name',
  'field.password': 'Password',
  'field.email': 'Email address',
  'field.phone': 'Phone number',
  'field.code': 'Code',

  'signedIn.title': 'You are signed in',
  'signedIn.go': 'Go on',

  'onward.title': 'One moment',

  'session.title': 'Your session',
  'session.lead': 'You are signed in as {name}.',
  'session.upstream': 'Account at',
  'session.subject': 'Identifier',
  'session.until': 'Signed in until',
  'session.idle': 'If unused, until',
  'session.device': 'Device',
  'session.bound': 'Only this one',

  'signOut.title': 'Sign out?',
  'signOut.lead': 'You are signed in as {name}.',
  'signOut.submit': 'Sign out',
  'signOut.stay': 'Stay signed in',

  'signedOut.title': 'You are signed out',
  'signedOut.lead': 'This browser no longer holds your session.',
  'signedOut.again': 'Sign in again',

  'link.signIn': 'Sign in',
  'link.signInBeside': 'Sign in in a new tab',
  'link.start': 'Go to the start page',

  'resend.lead': 'Nothing you typed is lost:',
  'resend.signIn': 'Sign in with the button below. It opens a new tab.',
  'resend.reload': 'Come back to this tab and reload it.',
  'resend.confirm': 'Your browser asks whether to send the form again. Say yes.',

  'error.status': 'Status {status}',
  'error.reference': 'Reference {reference}',
  'error.unauthenticated.title': 'Sign in to continue',
  'error.invalid_credential.title': 'Please sign in again',
  'error.expired.title': 'Your session has ended',
  'error.sign_in_failed.title': 'Not signed in',
  'error.sign_in_failed.text': 'The name or the password is not right.',
  'error.second_factor.title': 'One more step',
  'error.second_factor.text': 'One more step is needed to sign in.',
  'error.bad_transaction.title': 'Please start again',
  'error.bad_transaction.text':
    'The sign-in took too long, was finished before, or was begun in another browser. Start it again.',
  'error.forbidden.title': 'No access with this account',
  'error.forbidden.text':
    'You are signed in, but this account may not open this page. If you have another one, sign out first and use that.',
  'error.programs.title': 'Not for browsers',
  'error.programs.text': 'This address is for programs that trade tokens.',
  'error.untrusted_proxy.title': 'Not for browsers',
  'error.untrusted_proxy.text': 'This address is for the proxies in front of this site.',
  'error.csrf.title': 'Sent from another site',
  'error.csrf.text':
    'This request did not come from a page of this site, so nothing was done. Open the page here and try again.',
  'error.bad_request.title': 'That did not work',
  'error.bad_request.text':
    'The address, or what was sent with it, is not well formed. Check the link that brought you here.',
  'error.not_found.title': 'Page not found',
  'error.not_found.text': 'There is nothing at this address. Check its spelling, or start again.',
  'error.method_not_allowed.title': 'That did not work',
  'error.method_not_allowed.text': 'This address cannot be used in that way.',
  'error.too_large.title': 'Too large',
  'error.too_large.text': 'What was sent is larger than this site accepts. Send less at once.',
  'error.unsupported_media_type.title': 'That did not work',
  'error.unsupported_media_type.text': 'This site does not accept data of that kind here.',
  'error.expectation_failed.title': 'That did not work',
  'error.expectation_failed.text': 'The request expects something that this site does not do.',
  'error.header_too_large.title': 'Too much to read',
  'error.header_too_large.text':
    'Your browser sent more with the request than this site reads. Deleting the cookies of this site usually helps.',
  'error.rate_limited.title': 'Too many attempts',
  'error.rate_limited.text': 'Please wait a little, then try again.',
  'error.prefetch.title': 'Not opened ahead of time',
  'error.prefetch.text': 'Please reload this page.',
  'error.provider_refused.title': 'Not signed in',
  'error.provider_refused.text':
    'The sign-in service did not sign you in. If you have another account there, try that one.',
  'error.upstream_unavailable.title': 'Sign-in is not available',
  'error.upstream_unavailable.text':
    'The sign-in service does not answer. This is not your doing. Please reload this page in a moment.',
  'error.upstream_bad.title': 'Sign-in is not available',
  'error.upstream_bad.text':
    'The sign-in service gave an answer that cannot be used. This is not your doing. Please reload this page in a moment.',
  'error.upstream_slow.title': 'Sign-in is not available',
  'error.upstream_slow.text':
    'The sign-in service took too long to answer. This is not your doing. Please reload this page in a moment.',
  'error.backend_bad.title': 'Not available right now',
  'error.backend_bad.text':
    'The application does not answer. This is not your doing. Please reload this page in a moment.',
  'error.backend_slow.title': 'Not available right now',
  'error.backend_slow.text':
    'The application took too long to answer. This is not your doing. Please reload this page in a moment.',
  'error.overloaded.title': 'Very busy right now',
  'error.overloaded.text': 'Please reload this page in a moment.',
  'error.timeout.title': 'That took too long',
  'error.timeout.text': 'The request did not arrive in time. Please try again.',
  'error.internal.title': 'Something went wrong',
  'error.internal.text': 'This is not your doing. Please reload this page in a moment.',
} as const

export type TextKey = keyof typeof english

/** What the pages say in one language. Every language has every key: one that is missing does not compile. */
export type Texts = { readonly [Key in TextKey]: string }
