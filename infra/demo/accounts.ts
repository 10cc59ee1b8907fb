/** A person of the sample tree (schema/ldap/sample.ldif). */
export interface DemoAccount {
  readonly address: string;
  readonly password: string;
  readonly role: 'administrator' | 'postmaster' | 'user' | 'suspended' | 'deleted';
  /** What is special about it, for the table. */
  readonly note: string;
}

/** Its INBOX is the quarantine: what the gateway sets aside stands there, and administrators see it in the console. */
export const QUARANTINE_ADDRESS = 'quarantine@domain2.example';

export const DEMO_ACCOUNTS: readonly DemoAccount[] = [
  { address: 'user1@domain1.example', password: 'user1', role: 'postmaster', note: 'administers domain1.example' },
  { address: 'user2@domain1.example', password: 'user2', role: 'user', note: '' },
  { address: 'user3@domain1.example', password: 'user3', role: 'user', note: '' },
  { address: 'user4@domain2.example', password: 'user4', role: 'user', note: '' },
  { address: 'user5@domain2.example', password: 'user5', role: 'user', note: 'gets the catch-all of domain2.example' },
  {
    address: 'siteadmin@domain2.example',
    password: 'siteadmin',
    role: 'administrator',
    note: 'administers the whole site',
  },
  { address: 'poponly@domain1.example', password: 'poponly', role: 'user', note: 'may use POP3 alone, not IMAP' },
  { address: 'small@domain2.example', password: 'small', role: 'user', note: 'has a quota of 200 kB' },
  {
    address: QUARANTINE_ADDRESS,
    password: 'quarantine',
    role: 'user',
    note: 'what the gateway sets aside (*.exe, *.scr)',
  },
  { address: 'suspended@domain1.example', password: 'suspended', role: 'suspended', note: 'refused: 550' },
  { address: 'leaver@domain1.example', password: 'leaver', role: 'deleted', note: 'marked for deletion: 550' },
];

/** Addresses that lead elsewhere, for the table. */
export const DEMO_ALIASES: readonly (readonly [address: string, what: string])[] = [
  ['info@domain1.example', 'alias of user1@domain1.example'],
  ['team@domain1.example', 'user1 and user2 of domain1.example'],
  ['forward@domain1.example', 'forward to someone@elsewhere.example'],
  ['anything@domain2.example', 'catch-all: user5@domain2.example'],
  ['anyone@suspended.example', 'suspended domain: refused'],
];
