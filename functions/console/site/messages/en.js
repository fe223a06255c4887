// The English messages. A value stands as {name}; {one, other} are the plural forms of the value `count`.

export const en = {
  // The page.
  'page.name': 'Coaching',
  'page.skip': 'Skip to the content',
  'page.menu': 'Menu',
  'page.language': 'Language',
  'page.profile': 'Profile',
  'page.person': 'Person',
  'page.signOut': 'Sign out',
  'page.signIn': 'Sign in',
  'page.retry': 'Try again',
  'page.back': 'Back',
  'page.close': 'Close',
  'page.loading': 'Loading…',
  'page.empty': 'There is nothing here yet.',
  'page.more': 'Show more',
  'page.next': 'Go on',
  'page.leave': 'What you typed is not saved. Leave it?',

  // Sign-in.
  'signIn.title': 'Sign in',
  'signIn.with': 'You sign in with your company’s account.',
  'signIn.local': 'Open the address that the service printed when it started. It signs you in.',
  'signIn.notSetUp': 'Sign-in is not set up: the parameter ConsoleClientId of the stack is empty.',
  'signIn.failed': 'The sign-in did not succeed: {why}',
  'signIn.ended': 'Your sign-in has ended. Sign in again and go on: what you typed is still here.',
  'signIn.paste': 'Paste the address that the service printed, and go on: what you typed is still here.',
  'signIn.address': 'Address',
  'signIn.wrongPerson': 'That is another person. Sign in as {name}, or sign out.',
  'signIn.out': 'You are signed out.',
  'signIn.noProfile': 'Your account opens no profile.',
  'signIn.profileId': 'Id of the profile',

  // Roles.
  'role.agent': 'Agent',
  'role.manager': 'Manager',
  'role.admin': 'Admin',
  'role.service': 'Service',

  // What goes wrong.
  'error.title': 'That did not work.',
  'error.offline': 'The service cannot be reached. Check your connection.',
  'error.timeout': 'The service took too long to answer.',
  'error.unavailable': 'The service is busy. Try again in a moment.',
  'error.forbidden': 'You may not see or do this.',
  'error.notFound': 'This does not exist, or not any more.',
  'error.changed': 'Somebody else changed this meanwhile. Load it again to see how it is now.',
  'error.invalid': 'Something in it is not right:',
  'error.request': 'Request {id}',
  'error.noSuchPage': 'There is no such page.',
};
