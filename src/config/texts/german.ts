import type { Texts } from './english.ts'

export const german: Texts = {
  'signIn.title': 'Anmelden',
  'signIn.failed': 'Anmeldung fehlgeschlagen',
  'signIn.lead': 'Mit Ihrem Konto bei {upstream}.',
  'signIn.choose': 'Mit welchem Konto möchten Sie sich anmelden?',
  'signIn.submit': 'Anmelden',
  'signIn.beside': 'oder weiter mit',
  'signIn.other': 'Ein anderes Konto verwenden',
  'signIn.forgotPassword': 'Passwort vergessen?',
  'signIn.register': 'Konto erstellen',
  'signIn.wrong': 'Der Name oder das Passwort stimmt nicht.',
  'signIn.incomplete': 'Bitte füllen Sie alle Felder aus.',
  'signIn.limited': 'Zu viele Versuche. Bitte versuchen Sie es später noch einmal.',
  'signIn.limitedUntil': 'Zu viele Versuche. Bitte versuchen Sie es {when} noch einmal.',
  'signIn.unavailable': 'Der Anmeldedienst arbeitet gerade nicht. Bitte versuchen Sie es gleich noch einmal.',
  'signIn.again': 'Die Anmeldung hat zu lange gedauert. Bitte beginnen Sie von vorn.',

  'step.title': 'Noch ein Schritt',
  'step.lead': 'Ihr Konto bei {upstream} verlangt auch dies.',
  'step.submit': 'Weiter',
  'step.wrong': 'Das stimmt nicht. Bitte versuchen Sie es noch einmal.',
  'step.restart': 'Von vorn beginnen',

  'field.username': 'Benutzername',
  'field.password': 'Passwort',
  'field.email': 'E-Mail-Adresse',
  'field.phone': 'Telefonnummer',
  'field.code': 'Code',

  'signedIn.title': 'Sie sind angemeldet',
  'signedIn.go': 'Weiter',

  'onward.title': 'Einen Augenblick',

  'session.title': 'Ihre Sitzung',
  'session.lead': 'Sie sind angemeldet als {name}.',
  'session.upstream': 'Konto bei',
  'session.subject': 'Kennung',
  'session.until': 'Angemeldet bis',
  'session.idle': 'Ungenutzt bis',
  'session.device': 'Gerät',
  'session.bound': 'Nur dieses',

  'signOut.title': 'Abmelden?',
  'signOut.lead': 'Sie sind angemeldet als {name}.',
  'signOut.submit': 'Abmelden',
  'signOut.stay': 'Angemeldet bleiben',

  'signedOut.title': 'Sie sind abgemeldet',
  'signedOut.lead': 'Dieser Browser hat Ihre Sitzung nicht mehr.',
  'signedOut.again': 'Wieder anmelden',

  'link.signIn': 'Anmelden',
  'link.signInBeside': 'In neuem Tab anmelden',
  'link.start': 'Zur Startseite',

  'resend.lead': 'Nichts, was Sie eingegeben haben, geht verloren:',
  'resend.signIn': 'Melden Sie sich mit der Schaltfläche unten an. Sie öffnet einen neuen Tab.',
  'resend.reload': 'Kommen Sie in diesen Tab zurück und laden Sie ihn neu.',
  'resend.confirm': 'Ihr Browser fragt, ob er das Formular noch einmal senden soll. Stimmen Sie zu.',

  'error.status': 'Status {status}',
  'error.reference': 'Referenz {reference}',
  'error.unauthenticated.title': 'Bitte melden Sie sich an',
  'error.invalid_credential.title': 'Bitte melden Sie sich erneut an',
  'error.expired.title': 'Ihre Sitzung ist beendet',
  'error.sign_in_failed.title': 'Nicht angemeldet',
  'error.sign_in_failed.text': 'Der Name oder das Passwort stimmt nicht.',
  'error.second_factor.title': 'Noch ein Schritt',
  'error.second_factor.text': 'Zur Anmeldung fehlt noch ein Schritt.',
  'error.bad_transaction.title': 'Bitte beginnen Sie von vorn',
  'error.bad_transaction.text':
    'Die Anmeldung hat zu lange gedauert, war schon abgeschlossen oder wurde in einem anderen Browser begonnen. Beginnen Sie sie von vorn.',
  'error.forbidden.title': 'Kein Zugriff mit diesem Konto',
  'error.forbidden.text':
    'Sie sind angemeldet, aber dieses Konto darf diese Seite nicht öffnen. Wenn Sie ein anderes haben, melden Sie sich zuerst ab und verwenden Sie jenes.',
  'error.programs.title': 'Nicht für Browser',
  'error.programs.text': 'Diese Adresse ist für Programme, die Token tauschen.',
  'error.untrusted_proxy.title': 'Nicht für Browser',
  'error.untrusted_proxy.text': 'Diese Adresse ist für die Proxys vor dieser Website.',
  'error.csrf.title': 'Von einer anderen Website gesendet',
  'error.csrf.text':
    'Diese Anfrage kam nicht von einer Seite dieser Website, deshalb wurde nichts ausgeführt. Öffnen Sie die Seite hier und versuchen Sie es noch einmal.',
  'error.bad_request.title': 'Das hat nicht funktioniert',
  'error.bad_request.text':
    'Die Adresse oder das, was mit ihr gesendet wurde, hat nicht die richtige Form. Prüfen Sie den Link, der Sie hierher geführt hat.',
  'error.not_found.title': 'Seite nicht gefunden',
  'error.not_found.text':
    'Unter dieser Adresse gibt es nichts. Prüfen Sie die Schreibweise oder beginnen Sie von vorn.',
  'error.method_not_allowed.title': 'Das hat nicht funktioniert',
  'error.method_not_allowed.text': 'Diese Adresse lässt sich so nicht verwenden.',
  'error.too_large.title': 'Zu groß',
  'error.too_large.text': 'Was gesendet wurde, ist größer, als diese Website annimmt. Senden Sie weniger auf einmal.',
  'error.unsupported_media_type.title': 'Das hat nicht funktioniert',
  'error.unsupported_media_type.text': 'Daten dieser Art nimmt diese Website hier nicht an.',
  'error.expectation_failed.title': 'Das hat nicht funktioniert',
  'error.expectation_failed.text': 'Die Anfrage erwartet etwas, das diese Website nicht tut.',
  'error.header_too_large.title': 'Zu viel zu lesen',
  'error.header_too_large.text':
    'Ihr Browser hat mit der Anfrage mehr gesendet, als diese Website liest. Meist hilft es, die Cookies dieser Website zu löschen.',
  'error.rate_limited.title': 'Zu viele Versuche',
  'error.rate_limited.text': 'Bitte warten Sie ein wenig und versuchen Sie es dann noch einmal.',
  'error.prefetch.title': 'Nicht im Voraus geöffnet',
  'error.prefetch.text': 'Bitte laden Sie diese Seite neu.',
  'error.provider_refused.title': 'Nicht angemeldet',
  'error.provider_refused.text':
    'Der Anmeldedienst hat Sie nicht angemeldet. Wenn Sie dort ein anderes Konto haben, versuchen Sie es mit jenem.',
  'error.upstream_unavailable.title': 'Anmeldung nicht möglich',
  'error.upstream_unavailable.text':
    'Der Anmeldedienst antwortet nicht. Das liegt nicht an Ihnen. Bitte laden Sie diese Seite gleich noch einmal.',
  'error.upstream_bad.title': 'Anmeldung nicht möglich',
  'error.upstream_bad.text':
    'Der Anmeldedienst hat eine unbrauchbare Antwort gegeben. Das liegt nicht an Ihnen. Bitte laden Sie diese Seite gleich noch einmal.',
  'error.upstream_slow.title': 'Anmeldung nicht möglich',
  'error.upstream_slow.text':
    'Der Anmeldedienst hat zu lange für seine Antwort gebraucht. Das liegt nicht an Ihnen. Bitte laden Sie diese Seite gleich noch einmal.',
  'error.backend_bad.title': 'Zurzeit nicht verfügbar',
  'error.backend_bad.text':
    'Die Anwendung antwortet nicht. Das liegt nicht an Ihnen. Bitte laden Sie diese Seite gleich noch einmal.',
  'error.backend_slow.title': 'Zurzeit nicht verfügbar',
  'error.backend_slow.text':
    'Die Anwendung hat zu lange für ihre Antwort gebraucht. Das liegt nicht an Ihnen. Bitte laden Sie diese Seite gleich noch einmal.',
  'error.overloaded.title': 'Zurzeit viel Betrieb',
  'error.overloaded.text': 'Bitte laden Sie diese Seite gleich noch einmal.',
  'error.timeout.title': 'Das hat zu lange gedauert',
  'error.timeout.text': 'Die Anfrage ist nicht rechtzeitig angekommen. Bitte versuchen Sie es noch einmal.',
  'error.internal.title': 'Etwas ist schiefgegangen',
  'error.internal.text': 'Das liegt nicht an Ihnen. Bitte laden Sie diese Seite gleich noch einmal.',
}
