import { storeConfigSchema } from '@postern/store/config.ts';
import { type CapabilityState, capabilities } from '@postern/store/imap/capability.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { benchAccounts } from '../bench/sides/postern.ts';
import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';
import { type ImapBackends, type ImapStore, startImapBackends, startImapStore } from '../support/imap-store.ts';

/** A command that a capability brings or changes; what is heard where it is on, and where it is off. */
interface Probe {
  readonly command: string;
  readonly on: RegExp;
  readonly off: RegExp;
}

const OK = /TAG OK/;
const BAD = /TAG BAD/;
/** The command is unknown, or its argument is. */
const unknown = (command: string, on = OK): Probe => ({ command, on, off: BAD });
/** ENABLE passes over what it does not know (RFC 5161 §3.1). */
const enabled = (name: string): Probe => ({
  command: `ENABLE ${name}`,
  on: new RegExp(`^\\* ENABLED ${name}$`, 'm'),
  off: /^\* ENABLED$/m,
});
const LIMITED = { on: /STORAGE \d+ \d+ MESSAGE \d+ \d+/, command: 'GETQUOTA ""' };

/** What is known before sign-in belongs to no account: it can be switched off for all alone. */
const BEFORE_SIGN_IN: Readonly<Record<string, Probe>> = {
  STARTTLS: unknown('STARTTLS'),
  'SASL-IR': unknown(`AUTHENTICATE PLAIN ${Buffer.from('\0user1@domain1.example\0user1').toString('base64')}`),
  'AUTH=PLAIN': { command: `AUTHENTICATE PLAIN AHg=`, on: BAD, off: /TAG NO \[CANNOT\]/ },
};
/** What has a dialogue of its own (INPROGRESS, tokens), follows another one (LITERAL-, RIGHTS=texk), or brings nothing that a client could send. */
const ELSEWHERE = ['IMAP4rev1', 'LOGINDISABLED', 'AUTH=OAUTHBEARER', 'INPROGRESS', 'LITERAL-', 'RIGHTS=texk'];

const AFTER_SIGN_IN: Readonly<Record<string, Probe>> = {
  IMAP4rev2: enabled('IMAP4REV2'),
  'LITERAL+': unknown(`SEARCH SUBJECT {5000+}\r\n${'x'.repeat(5000)}`),
  ID: unknown('ID NIL'),
  ENABLE: unknown('ENABLE UIDONLY'),
  IDLE: { command: 'IDLE\r\nDONE', on: OK, off: BAD },
  NAMESPACE: unknown('NAMESPACE'),
  CHILDREN: unknown('LIST "" "*" RETURN (CHILDREN)'),
  UIDPLUS: unknown('UID EXPUNGE 1'),
  MOVE: unknown('MOVE 99 INBOX'),
  UNSELECT: unknown('UNSELECT'),
  'SPECIAL-USE': unknown('LIST (SPECIAL-USE) "" "*"'),
  'LIST-EXTENDED': unknown('LIST "" (INBOX Trash)'),
  'LIST-STATUS': unknown('LIST "" INBOX RETURN (STATUS (MESSAGES))'),
  CONDSTORE: unknown('FETCH 1:* (MODSEQ)'),
  QRESYNC: enabled('QRESYNC'),
  'UTF8=ACCEPT': enabled('UTF8=ACCEPT'),
  ESEARCH: unknown('SEARCH RETURN (COUNT) ALL'),
  SEARCHRES: unknown('FETCH $ (FLAGS)'),
  WITHIN: unknown('SEARCH YOUNGER 60'),
  PARTIAL: unknown('UID FETCH 1:* (FLAGS) (PARTIAL 1:2)'),
  'SEARCH=FUZZY': unknown('SEARCH FUZZY SUBJECT x'),
  'CONTEXT=SEARCH': unknown('SEARCH RETURN (UPDATE COUNT) ALL'),
  MULTISEARCH: unknown('ESEARCH IN (inboxes) ALL'),
  SORT: unknown('SORT (DATE) UTF-8 ALL'),
  ESORT: unknown('SORT RETURN (COUNT) (DATE) UTF-8 ALL'),
  'SORT=DISPLAY': unknown('SORT (DISPLAYFROM) UTF-8 ALL'),
  'THREAD=ORDEREDSUBJECT': unknown('THREAD ORDEREDSUBJECT UTF-8 ALL'),
  'THREAD=REFERENCES': unknown('THREAD REFERENCES UTF-8 ALL'),
  'THREAD=REFS': unknown('THREAD REFS UTF-8 ALL'),
  UIDONLY: enabled('UIDONLY'),
  'CREATE-SPECIAL-USE': unknown('CREATE Kept (USE (\\Archive))', /TAG NO \[USEATTR\]/),
  'STATUS=SIZE': unknown('STATUS INBOX (SIZE)'),
  BINARY: unknown('FETCH 1:* (BINARY.PEEK[1])'),
  MULTIAPPEND: unknown('APPEND INBOX {7+}\r\nA: 1\r\n\r {7+}\r\nA: 2\r\n\r'),
  CATENATE: unknown('APPEND INBOX CATENATE (TEXT {7+}\r\nA: 1\r\n\r)'),
  REPLACE: unknown('REPLACE 1 INBOX {7+}\r\nA: 1\r\n\r'),
  OBJECTID: unknown('FETCH 1:* (EMAILID)'),
  SAVEDATE: unknown('FETCH 1:* (SAVEDATE)'),
  PREVIEW: unknown('FETCH 1:* (PREVIEW)'),
  QUOTA: unknown('GETQUOTA ""'),
  'QUOTA=RES-STORAGE': { ...LIMITED, off: /\(MESSAGE \d+ \d+\)/ },
  'QUOTA=RES-MESSAGE': { ...LIMITED, off: /\(STORAGE \d+ \d+\)/ },
  METADATA: unknown('GETMETADATA "" /private/comment'),
  NOTIFY: unknown('NOTIFY NONE'),
  ACL: unknown('MYRIGHTS INBOX'),
  'LIST-MYRIGHTS': unknown('LIST "" INBOX RETURN (MYRIGHTS)'),
  'COMPRESS=DEFLATE': unknown('COMPRESS DEFLATE'),
  UNAUTHENTICATE: unknown('UNAUTHENTICATE'),
  URLAUTH: unknown('RESETKEY'),
  APPENDLIMIT: unknown('STATUS INBOX (APPENDLIMIT)'),
};

/** What else a capability brings, where one probe does not show it all: unknown where it is off. */
const BRINGS: Readonly<Record<string, readonly string[]>> = {
  UIDPLUS: ['UID EXPUNGE 1:*'],
  MOVE: ['UID MOVE 99 INBOX'],
  'SPECIAL-USE': ['LIST "" "*" RETURN (SPECIAL-USE)'],
  'LIST-EXTENDED': ['LIST (SUBSCRIBED) "" "*"', 'LIST "" "*" RETURN (SUBSCRIBED)'],
  CONDSTORE: [
    'SELECT INBOX (CONDSTORE)',
    'FETCH 1 (FLAGS) (CHANGEDSINCE 1)',
    'STORE 1 (UNCHANGEDSINCE 1) +FLAGS (x)',
    'SEARCH MODSEQ 1',
    'STATUS INBOX (HIGHESTMODSEQ)',
  ],
  QRESYNC: ['SELECT INBOX (QRESYNC (1 1))', 'UID FETCH 1 (FLAGS) (CHANGEDSINCE 1 VANISHED)'],
  SEARCHRES: ['SEARCH RETURN (SAVE) ALL', 'UID FETCH $ (FLAGS)', 'SEARCH $'],
  WITHIN: ['SEARCH OLDER 60'],
  // CONTEXT=SEARCH has PARTIAL in SEARCH too (RFC 5267 §4.4), but none that counts from the end.
  PARTIAL: ['UID SEARCH RETURN (PARTIAL -1:-2) ALL', 'UID FETCH 1 (FLAGS) (PARTIAL -1:-2)'],
  'CONTEXT=SEARCH': ['SEARCH RETURN (CONTEXT) ALL', 'CANCELUPDATE "x"'],
  SORT: ['UID SORT (DATE) UTF-8 ALL'],
  ESORT: ['UID SORT RETURN () (DATE) UTF-8 ALL'],
  'SORT=DISPLAY': ['SORT (DISPLAYTO) UTF-8 ALL'],
  BINARY: ['FETCH 1 (BINARY.SIZE[1])', 'FETCH 1 (BINARY[1])', 'APPEND INBOX ~{7+}\r\nA: 1\r\n\r'],
  REPLACE: ['UID REPLACE 1 INBOX {7+}\r\nA: 1\r\n\r'],
  CATENATE: ['APPEND INBOX CATENATE (URL "/INBOX/;UID=1")'],
  OBJECTID: ['FETCH 1 (THREADID)', 'STATUS INBOX (MAILBOXID)', 'SEARCH EMAILID E1', 'SEARCH THREADID T1'],
  SAVEDATE: ['SEARCH SAVEDSINCE 1-Jan-2020', 'SEARCH SAVEDBEFORE 1-Jan-2020', 'SEARCH SAVEDATESUPPORTED'],
  PREVIEW: ['FETCH 1 (PREVIEW (LAZY))'],
  QUOTA: ['GETQUOTAROOT INBOX'],
  METADATA: ['SETMETADATA "" (/private/comment "x")'],
  NOTIFY: ['NOTIFY SET (personal (MessageNew MessageExpunge))'],
  ACL: ['GETACL INBOX', 'SETACL INBOX anyone l', 'DELETEACL INBOX anyone', 'LISTRIGHTS INBOX anyone'],
  URLAUTH: ['GENURLAUTH "imap://x/INBOX/;UID=1;URLAUTH=anonymous" INTERNAL', 'URLFETCH "imap://x/INBOX/;UID=1"'],
  MULTISEARCH: ['ESEARCH ALL', 'ESEARCH IN (selected) ALL'],
};

const TRUSTED = { trustedPeers: ['webmail.example'] };
const STATES: readonly CapabilityState[] = [
  { account: undefined, encrypted: false, passwordsAllowed: false, tlsAvailable: true, trustedPeer: false },
  { account: undefined, encrypted: true, passwordsAllowed: true, tlsAvailable: true, trustedPeer: true },
  { account: 'a@b.example', encrypted: true, passwordsAllowed: true, tlsAvailable: true, trustedPeer: false },
];
/** Capabilities in all states, by state, as a client sees them with these switched off. */
const offeredWithout = (capabilitiesOff: readonly string[]): string[][] => {
  const config = storeConfigSchema.shape.imap.parse({ ...TRUSTED, capabilitiesOff });
  return STATES.map((state) =>
    capabilities(config, state).map((name) => name.replace(/^APPENDLIMIT=.*/, 'APPENDLIMIT')),
  );
};
const ALL = [...new Set([[], ['LITERAL+']].flatMap((off) => offeredWithout(off).flat()))].filter(
  (name) => !name.startsWith('AUTH=X-'),
);

const DOMAIN = 'domain1.example';
const names = Object.keys(AFTER_SIGN_IN);
const addressOf = (place: number): string => `${place + 1}off@${DOMAIN}`;

let backends: ImapBackends;
let store: ImapStore;
/** The same with everything switched off for all. */
let bare: ImapStore;

beforeAll(async () => {
  backends = await startImapBackends();
  const { slapd } = backends;
  const accounts = benchAccounts(DOMAIN, 'off', names.length, slapd.baseDn);
  await slapd.modify(accounts.replaceAll('userPassword', 'quota: 1000000S,1000C\nuserPassword'));
  const off = Object.fromEntries(names.map((name, place) => [addressOf(place), [name]]));
  store = await startImapStore({ ...TRUSTED, maxCommandsPerSecond: 100_000, capabilitiesOffFor: off }, backends);
  bare = await startImapStore({ capabilitiesOff: ALL, maxCommandsPerSecond: 100_000 }, backends);
});
afterAll(async () => {
  await store?.stop();
  await bare?.stop();
  await backends?.stop();
});

/** What is heard to a command in INBOX, which holds one message. */
async function heard(at: ImapStore, address: string, command: string): Promise<{ offered: string; answer: string }> {
  const client: ImapDialogue = await connectImap(at.port);
  try {
    await client.command(`LOGIN ${address} bench`);
    const message = 'Subject: x\r\n\r\nx\r\n';
    // A literal that waits is taken whatever is switched off.
    client.send(`z APPEND INBOX {${message.length}}\r\n`);
    await client.until(/^\+ /m);
    client.send(`${message}\r\n`);
    await client.until(/^z OK/m);
    // RFC 5161 §3.1: some extensions cannot be enabled once a mailbox is selected.
    if (!command.startsWith('ENABLE')) await client.command('SELECT INBOX');
    const offered = await client.command('CAPABILITY');
    return { offered, answer: await client.command(command) };
  } finally {
    client.close();
  }
}

const says = (offered: string, name: string): boolean =>
  offered.split(/\s+/).some((each) => each.replace(/^APPENDLIMIT=.*/, 'APPENDLIMIT') === name);

describe('switching off', () => {
  it('is tried with every capability', () => {
    const tried = [...names, ...Object.keys(BEFORE_SIGN_IN), ...ELSEWHERE];
    expect(tried.sort()).toEqual([...ALL].sort());
  });

  it.each(ALL)('%s for all: it is offered in no state, and what does not need it stays', (name) => {
    const follow = name === 'ACL' ? ['RIGHTS=texk', 'LIST-MYRIGHTS'] : [];
    const gone = new Set([name, ...follow]);
    const without = (offered: string[]): string[] => offered.filter((each) => !gone.has(each) && each !== 'LITERAL-');
    const before = offeredWithout([]).map(without);
    expect(offeredWithout([name.toLowerCase()]).map(without)).toEqual(before);
    expect(offeredWithout([name]).flat()).not.toContain(name);
  });

  it.each(Object.entries(AFTER_SIGN_IN))('%s for one account', async (name, { command, on, off }) => {
    const place = names.indexOf(name);
    const its = await heard(store, addressOf(place), command);
    expect(says(its.offered, name)).toBe(false);
    expect(its.answer).toMatch(off);
    const others = await heard(store, `off@${DOMAIN}`, command);
    expect(says(others.offered, name)).toBe(true);
    expect(others.answer).toMatch(on);
  });

  it.each(Object.entries(BRINGS))('%s brings nothing, and the session goes on', async (name, commands) => {
    const client = await connectImap(store.port);
    try {
      await client.command(`LOGIN ${addressOf(names.indexOf(name))} bench`);
      await client.command('SELECT INBOX');
      for (const command of commands) {
        expect(await client.command(command), command).toMatch(BAD);
        expect(await client.command('NOOP')).toMatch(OK);
      }
    } finally {
      client.close();
    }
  });

  it.each(Object.entries(AFTER_SIGN_IN))('%s with all others', async (name, { command }) => {
    const { offered, answer } = await heard(bare, addressOf(0), command);
    expect(says(offered, name)).toBe(false);
    expect(answer).toMatch(/TAG (?:BAD|NO)/);
  });

  it.each(Object.entries(BEFORE_SIGN_IN))('%s, before sign-in', async (name, { command, on, off }) => {
    const without = await startImapStore({ capabilitiesOff: [name] }, backends);
    try {
      for (const [at, answer] of [
        [store, on],
        [without, off],
      ] as const) {
        const client = await connectImap(at.port);
        expect(await client.command(command)).toMatch(answer);
        client.close();
      }
    } finally {
      await without.stop();
    }
  });
});
