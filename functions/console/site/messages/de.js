// The German messages.

/** @type {Record<import('../scripts/messages.js').Key, import('../scripts/messages.js').Message>} */
export const de = {
  // The page.
  'page.name': 'Coaching',
  'page.skip': 'Zum Inhalt springen',
  'page.menu': 'Menü',
  'page.language': 'Sprache',
  'page.profile': 'Profil',
  'page.person': 'Person',
  'page.signOut': 'Abmelden',
  'page.signIn': 'Anmelden',
  'page.retry': 'Erneut versuchen',
  'page.back': 'Zurück',
  'page.close': 'Schließen',
  'page.loading': 'Wird geladen…',
  'page.empty': 'Hier ist noch nichts.',
  'page.more': 'Mehr anzeigen',
  'page.next': 'Weiter',
  'page.leave': 'Ihre Eingaben sind nicht gespeichert. Trotzdem verlassen?',

  // Sign-in.
  'signIn.title': 'Anmelden',
  'signIn.with': 'Sie melden sich mit dem Konto Ihres Unternehmens an.',
  'signIn.local': 'Öffnen Sie die Adresse, die der Dienst beim Start ausgegeben hat. Sie meldet Sie an.',
  'signIn.notSetUp': 'Die Anmeldung ist nicht eingerichtet: der Parameter ConsoleClientId des Stacks ist leer.',
  'signIn.failed': 'Die Anmeldung ist nicht gelungen: {why}',
  'signIn.ended': 'Ihre Anmeldung ist abgelaufen. Melden Sie sich wieder an und machen Sie weiter: Ihre Eingaben sind noch da.',
  'signIn.paste': 'Fügen Sie die Adresse ein, die der Dienst ausgegeben hat, und machen Sie weiter: Ihre Eingaben sind noch da.',
  'signIn.address': 'Adresse',
  'signIn.wrongPerson': 'Das ist eine andere Person. Melden Sie sich als {name} an, oder melden Sie sich ab.',
  'signIn.out': 'Sie sind abgemeldet.',
  'signIn.noProfile': 'Ihr Konto öffnet kein Profil.',
  'signIn.profileId': 'Id des Profils',

  // Roles.
  'role.agent': 'Agent',
  'role.manager': 'Führungskraft',
  'role.admin': 'Verwaltung',
  'role.service': 'Dienst',

  // What goes wrong.
  'error.title': 'Das hat nicht geklappt.',
  'error.offline': 'Der Dienst ist nicht erreichbar. Prüfen Sie Ihre Verbindung.',
  'error.timeout': 'Der Dienst hat zu lange für die Antwort gebraucht.',
  'error.unavailable': 'Der Dienst ist ausgelastet. Versuchen Sie es gleich noch einmal.',
  'error.forbidden': 'Sie dürfen das nicht sehen oder tun.',
  'error.notFound': 'Das gibt es nicht, oder nicht mehr.',
  'error.changed': 'Jemand anderes hat das inzwischen geändert. Laden Sie es neu, um den jetzigen Stand zu sehen.',
  'error.invalid': 'Etwas daran stimmt nicht:',
  'error.request': 'Anfrage {id}',
  'error.noSuchPage': 'Diese Seite gibt es nicht.',
};
