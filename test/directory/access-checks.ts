import { resolve } from 'node:path';

/** One list of changes, each with who tries it and what the directory answers: for slapd and for the embedded directory. */
export const SUFFIX = 'dc=myhosting,dc=example';
const domain = (name: string) => `jvd=${name},o=hosting,${SUFFIX}`;
const account = (local: string, name: string) => `mail=${local}@${name},${domain(name)}`;
export const USER1 = account('user1', 'domain1.example');
export const USER2 = account('user2', 'domain1.example');
export const USER5 = account('user5', 'domain2.example');
const ADMIN = `cn=admin,${SUFFIX}`;
export const RELAY = `cn=relay,${SUFFIX}`;
export const STORE = `cn=store,${SUFFIX}`;
export const SITE = account('siteadmin', 'domain2.example');
/** A user who knows no more than the password, and an app password of the same account. */
export const USER3 = account('user3', 'domain1.example');
const APP = `cn=abcdefgh,${USER3}`;

/** People with a shell account. */
export const PEOPLE = `ou=people,${SUFFIX}`;
const person = (uid: string) => `uid=${uid},${PEOPLE}`;
export const SHELLY = person('shelly');
export const SAMPLE_PEOPLE = resolve(import.meta.dirname, '../../schema/ldap/sample-people.ldif');

const replace = (dn: string, attribute: string, value: string) =>
  `dn: ${dn}\nchangetype: modify\nreplace: ${attribute}\n${attribute}: ${value}\n`;
const addAlias = (local: string, name: string) =>
  `dn: ${account(local, name)}\nchangetype: add\nobjectClass: JammMailAlias\nmail: ${local}@${name}\n` +
  `maildrop: user1@domain1.example\naccountActive: TRUE\n`;

const addEntry = (dn: string, lines: readonly string[]) => `dn: ${dn}\nchangetype: add\n${lines.join('\n')}\n`;
const addAccount = (local: string, name: string) =>
  addEntry(account(local, name), ['objectClass: JammMailAccount', `mail: ${local}@${name}`, 'accountActive: TRUE']);
const addDomain = (name: string, below = `o=hosting,${SUFFIX}`) =>
  addEntry(`jvd=${name},${below}`, ['objectClass: JammVirtualDomain', `jvd: ${name}`, 'accountActive: TRUE']);
const addAppPassword = (dn: string) =>
  addEntry(dn, [
    'objectClass: applicationProcess',
    'objectClass: simpleSecurityObject',
    'objectClass: authorizedServiceObject',
    'cn: abcdefgh',
    'authorizedService: imap',
    'userPassword: app-abcdefgh-aaaa-bbbb-cccc-dddd',
  ]);
const mark = (dn: string) =>
  `dn: ${dn}\nchangetype: modify\nadd: objectClass\nobjectClass: posternSecondFactor\n-\nadd: secondFactor\nsecondFactor: TRUE\n`;
const forward = (dn: string) =>
  `dn: ${dn}\nchangetype: modify\nadd: objectClass\nobjectClass: posternForwarding\n-\nadd: forwardTo\nforwardTo: me@elsewhere.example\n`;
const addPerson = (uid: string) =>
  addEntry(person(uid), [
    'objectClass: account',
    'objectClass: posixAccount',
    `uid: ${uid}`,
    `cn: ${uid}`,
    'uidNumber: 20009',
    'gidNumber: 20009',
    `homeDirectory: /home/${uid}`,
  ]);
const remove = (dn: string) => `dn: ${dn}\nchangetype: delete\n`;

/** Who, with which password, changes what, and the result code (RFC 4511 Appendix A): 50 is insufficientAccessRights. */
export const CHANGES: readonly [what: string, dn: string, password: string, ldif: string, code: number][] = [
  ['a user changes the own name', USER2, 'user2', replace(USER2, 'cn', 'Zwei'), 0],
  ['a user changes the own quota', USER2, 'user2', replace(USER2, 'quota', '0'), 50],
  ['a user changes another', USER2, 'user2', replace(USER1, 'cn', 'Eins'), 50],
  ['a postmaster changes an account of the own domain', USER1, 'user1', replace(USER2, 'quota', '9S'), 0],
  ['a postmaster adds an alias', USER1, 'user1', addAlias('new', 'domain1.example'), 0],
  ['a name that is taken', USER1, 'user1', addAlias('new', 'domain1.example'), 68],
  ['a postmaster changes another domain', USER1, 'user1', replace(USER5, 'cn', 'Fünf'), 50],
  ['a postmaster adds to another domain', USER1, 'user1', addAlias('new', 'domain2.example'), 50],
  [
    'a postmaster suspends the own domain',
    USER1,
    'user1',
    replace(domain('domain1.example'), 'accountActive', 'FALSE'),
    50,
  ],
  [
    'a postmaster names another where the domain allows it',
    USER1,
    'user1',
    `dn: cn=postmaster,${domain('domain1.example')}\nchangetype: modify\nadd: roleOccupant\nroleOccupant: ${USER2}\n`,
    0,
  ],
  [
    'a postmaster takes the other away again',
    USER1,
    'user1',
    `dn: cn=postmaster,${domain('domain1.example')}\nchangetype: modify\ndelete: roleOccupant\nroleOccupant: ${USER2}\n`,
    0,
  ],
  [
    'a postmaster removes the entry that names postmasters',
    USER1,
    'user1',
    remove(`cn=postmaster,${domain('domain1.example')}`),
    50,
  ],
  [
    'a postmaster makes a domain below the own',
    USER1,
    'user1',
    addDomain('domain2.example', domain('domain1.example')),
    50,
  ],
  ['a postmaster makes a domain', USER1, 'user1', addDomain('new.example'), 50],
  ['a postmaster adds an account', USER1, 'user1', addAccount('fresh', 'domain1.example'), 0],
  ['a postmaster deletes it again', USER1, 'user1', remove(account('fresh', 'domain1.example')), 0],
  [
    'a postmaster changes the limits of the own domain',
    USER1,
    'user1',
    replace(domain('domain1.example'), 'maxAccounts', '9'),
    50,
  ],
  [
    'a postmaster makes themselves an administrator',
    USER1,
    'user1',
    `dn: cn=administrators,o=hosting,${SUFFIX}\nchangetype: modify\nadd: roleOccupant\nroleOccupant: ${USER1}\n`,
    50,
  ],
  ['a postmaster changes the administrator’s password', USER1, 'user1', replace(SITE, 'userPassword', 'x'), 50],
  ['a postmaster sets the catch-all where the domain allows it', USER1, 'user1', addAlias('', 'domain1.example'), 0],
  [
    'an administrator forbids the catch-all',
    SITE,
    'siteadmin',
    replace(domain('domain1.example'), 'editCatchAll', 'FALSE'),
    0,
  ],
  [
    'a postmaster changes it then',
    USER1,
    'user1',
    replace(account('', 'domain1.example'), 'maildrop', 'user2@domain1.example'),
    50,
  ],
  ['a postmaster removes it then', USER1, 'user1', remove(account('', 'domain1.example')), 50],
  ['an administrator removes it', SITE, 'siteadmin', remove(account('', 'domain1.example')), 0],
  [
    'an administrator forbids changes of accounts',
    SITE,
    'siteadmin',
    replace(domain('domain1.example'), 'editAccounts', 'FALSE'),
    0,
  ],
  ['a postmaster changes an account then', USER1, 'user1', replace(USER2, 'quota', '8S'), 50],
  ['a postmaster sets a password then', USER1, 'user1', replace(USER2, 'userPassword', 'x'), 50],
  ['a postmaster adds an account then', USER1, 'user1', addAccount('fresh', 'domain1.example'), 50],
  [
    'an administrator allows them again',
    SITE,
    'siteadmin',
    replace(domain('domain1.example'), 'editAccounts', 'TRUE'),
    0,
  ],
  ['an administrator makes a domain', SITE, 'siteadmin', addDomain('new.example'), 0],
  ['an administrator removes it', SITE, 'siteadmin', remove(domain('new.example')), 0],
  [
    'a user makes themselves a postmaster',
    USER2,
    'user2',
    `dn: cn=postmaster,${domain('domain2.example')}\nchangetype: modify\nadd: roleOccupant\nroleOccupant: ${USER2}\n`,
    50,
  ],
  ['a user adds an account', USER2, 'user2', addAccount('fresh', 'domain1.example'), 50],
  ['a user adds services', USER2, 'user2', replace(USER2, 'authorizedService', 'relay'), 50],
  ['a user sets a forward', USER3, 'user3', forward(USER3), 0],
  ['a user sets a forward of another', USER3, 'user3', forward(USER2), 50],
  ['a user reactivates themselves', USER3, 'user3', replace(USER3, 'accountActive', 'TRUE'), 50],
  ['a user sets the own marker of a second factor', USER3, 'user3', mark(USER3), 50],
  ['a user makes an app password without the store', USER3, 'user3', addAppPassword(APP), 50],
  ['a user puts an alias below the own entry', USER3, 'user3', addAlias('ceo', `domain1.example,${USER3}`), 32],
  ['the store sets the marker', STORE, 'store', mark(USER3), 0],
  ['the user clears it', USER3, 'user3', `dn: ${USER3}\nchangetype: modify\ndelete: secondFactor\n`, 50],
  ['the store makes an app password', STORE, 'store', addAppPassword(APP), 0],
  ['an app password changes itself', APP, 'app-abcdefgh-aaaa-bbbb-cccc-dddd', replace(APP, 'userPassword', 'x'), 50],
  [
    'an app password changes its account',
    APP,
    'app-abcdefgh-aaaa-bbbb-cccc-dddd',
    replace(USER3, 'userPassword', 'x'),
    50,
  ],
  ['a postmaster clears the marker', USER1, 'user1', replace(USER3, 'secondFactor', 'FALSE'), 0],
  ['a postmaster takes an app password away', USER1, 'user1', remove(APP), 0],
  ['the store changes anything else of an account', STORE, 'store', replace(USER3, 'quota', '1S'), 50],
  ['the store changes a password', STORE, 'store', replace(USER3, 'userPassword', 'x'), 50],
  ['a service changes an account', RELAY, 'relay', replace(USER2, 'cn', 'Two'), 50],
  ['an administrator suspends a domain', ADMIN, 'admin', replace(domain('suspended.example'), 'delete', 'FALSE'), 0],
  ['a person of the host makes themselves root', SHELLY, 'shelly', replace(SHELLY, 'uidNumber', '0'), 50],
  ['a person of the host changes the own name', SHELLY, 'shelly', replace(SHELLY, 'cn', 'Shell'), 50],
  ['a person of the host adds services', SHELLY, 'shelly', replace(SHELLY, 'authorizedService', 'sudo'), 50],
  ['a person of the host changes the own password', SHELLY, 'shelly', replace(SHELLY, 'userPassword', 'pearl'), 0],
  ['the old password opens nothing then', SHELLY, 'shelly', replace(SHELLY, 'userPassword', 'x'), 49],
  ['a person of the host changes another', SHELLY, 'pearl', replace(person('mailonly'), 'userPassword', 'x'), 50],
  ['a person of the host adds another', SHELLY, 'pearl', addPerson('friend'), 50],
  ['a person of the host changes a mail account', SHELLY, 'pearl', replace(USER1, 'cn', 'Eins'), 50],
  ['a postmaster changes a person of the host', USER1, 'user1', replace(SHELLY, 'userPassword', 'x'), 50],
  ['a postmaster adds a person of the host', USER1, 'user1', addPerson('friend'), 50],
  ['a service changes a person of the host', RELAY, 'relay', replace(SHELLY, 'loginShell', '/bin/sh'), 50],
  ['the store changes a person of the host', STORE, 'store', replace(SHELLY, 'userPassword', 'x'), 50],
  ['an administrator adds a person of the host', SITE, 'siteadmin', addPerson('friend'), 0],
  ['an administrator sets their password', SITE, 'siteadmin', replace(person('friend'), 'userPassword', 'friend'), 0],
  ['an administrator changes their services', SITE, 'siteadmin', replace(SHELLY, 'authorizedService', 'sshd'), 0],
  ['an administrator removes a person of the host', SITE, 'siteadmin', remove(person('friend')), 0],
  [
    'an entry without a mandatory attribute',
    ADMIN,
    'admin',
    `${addAlias('bad', 'domain1.example').replace(/accountActive.*\n/, '')}`,
    65,
  ],
  ['an entry without its parent', ADMIN, 'admin', addAlias('x', 'nowhere.example'), 32],
];
