import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { storeConfigSchema } from '@postern/store/config.ts';
import { capabilities } from '@postern/store/imap/capability.ts';
import { describe, expect, it } from 'vitest';

/** What shows an extension: the example of its RFC, its errors, and a second session that interferes. */
type Shown = readonly [example: string, errors: string, between: string];

const named = (stem: string, rfc: number): Shown => [`${stem}-rfc${rfc}`, `${stem}-errors`, `${stem}-between-sessions`];
const error = (stem: string, example = stem): Shown => [example, `${stem}-error`, `${stem}-second-session`];

const QUOTAS = error('quota');
const SHOWN: Readonly<Record<string, Shown>> = {
  IMAP4rev1: ['rfc3501-section-8', 'order-of-commands', 'store-and-expunge-between-sessions'],
  IMAP4rev2: named('imap4rev2', 9051),
  'LITERAL+': ['literal-plus-rfc7888', 'literals', 'literal-plus-second-session'],
  'LITERAL-': error('literal-minus'),
  'SASL-IR': ['sasl-ir-rfc4959', 'sasl-ir-errors', 'sasl-ir-second-session'],
  'AUTH=PLAIN': ['plain-rfc4616', 'plain-errors', 'sasl-ir-second-session'],
  'AUTH=OAUTHBEARER': ['oauthbearer-rfc7628', 'oauthbearer-errors', 'oauthbearer-second-session'],
  STARTTLS: ['starttls-rfc9051', 'starttls-errors', 'starttls-second-session'],
  LOGINDISABLED: ['starttls-rfc9051', 'starttls-errors', 'starttls-second-session'],
  ID: ['id-rfc2971', 'id-errors', 'id-second-session'],
  ENABLE: ['enable-rfc5161', 'enable-errors', 'enable-second-session'],
  IDLE: named('idle', 2177),
  NAMESPACE: named('namespace', 2342),
  CHILDREN: ['list-extended-rfc5258', 'list-errors', 'list-between-sessions'],
  'LIST-EXTENDED': ['list-extended-rfc5258', 'list-errors', 'list-between-sessions'],
  'LIST-STATUS': named('list-status', 5819),
  'SPECIAL-USE': named('special-use', 6154),
  UIDPLUS: named('uidplus', 4315),
  MOVE: ['move-rfc6851', 'move-errors', 'move-tells-the-other-session'],
  UNSELECT: named('unselect', 3691),
  CONDSTORE: named('condstore', 7162),
  QRESYNC: named('qresync', 7162),
  'UTF8=ACCEPT': named('utf8-accept', 6855),
  ESEARCH: named('esearch', 4731),
  SEARCHRES: named('searchres', 5182),
  WITHIN: named('within', 5032),
  PARTIAL: named('partial', 9394),
  'SEARCH=FUZZY': named('fuzzy', 6203),
  'CONTEXT=SEARCH': named('context', 5267),
  MULTISEARCH: named('multisearch', 7377),
  SORT: named('sort', 5256),
  ESORT: ['esort-rfc5267', 'sort-display-errors', 'sort-display-between-sessions'],
  'SORT=DISPLAY': named('sort-display', 5957),
  'THREAD=ORDEREDSUBJECT': named('thread', 5256),
  'THREAD=REFERENCES': named('thread', 5256),
  'THREAD=REFS': named('thread', 5256),
  UIDONLY: named('uidonly', 9586),
  INPROGRESS: ['inprogress-rfc9585', 'inprogress-off', 'inprogress-second-session'],
  'CREATE-SPECIAL-USE': error('create-special-use'),
  'STATUS=SIZE': ['status-size-and-appendlimit', 'status-size-and-appendlimit-off', 'status-size-second-session'],
  BINARY: ['binary-decodes-base64', 'binary-unknown-encoding', 'binary-second-session'],
  MULTIAPPEND: error('multiappend'),
  CATENATE: error('catenate'),
  REPLACE: error('replace'),
  OBJECTID: error('objectid'),
  SAVEDATE: error('savedate', 'savedate-and-preview'),
  PREVIEW: error('preview', 'savedate-and-preview'),
  QUOTA: QUOTAS,
  'QUOTA=RES-STORAGE': QUOTAS,
  'QUOTA=RES-MESSAGE': error('quota-messages'),
  METADATA: error('metadata'),
  NOTIFY: ['notify-rfc5465', 'notify-error', 'notify-names-between-sessions'],
  ACL: ['acl-rfc4314', 'acl-errors', 'acl-second-session'],
  'RIGHTS=texk': ['acl-rfc4314', 'acl-errors', 'acl-second-session'],
  'LIST-MYRIGHTS': error('list-myrights', 'list-myrights-rfc8440'),
  'COMPRESS=DEFLATE': ['compress-rfc4978', 'compress-error', 'compress-second-session'],
  UNAUTHENTICATE: error('unauthenticate'),
  URLAUTH: named('urlauth', 4467),
  APPENDLIMIT: ['status-size-and-appendlimit', 'status-size-and-appendlimit-off', 'appendlimit-second-session'],
};

/** What an extension is known by, where a dialogue shows several: each of the three must hold it. */
const KNOWN_BY: Readonly<Record<string, RegExp>> = {
  'AUTH=PLAIN': /AUTHENTICATE PLAIN/,
  NAMESPACE: /NAMESPACE/,
  CHILDREN: /CHILDREN|Has(?:No)?Children/,
  'LIST-EXTENDED': /LIST (?:\(|.* \(|.* RETURN)/,
  'LIST-STATUS': /RETURN \(.*STATUS/,
  'SPECIAL-USE': /LIST \(SPECIAL-USE/,
  SORT: /SORT \(/,
  ESORT: /SORT RETURN/,
  'SORT=DISPLAY': /DISPLAYFROM/,
  'THREAD=ORDEREDSUBJECT': /THREAD ORDEREDSUBJECT/,
  'THREAD=REFERENCES': /THREAD REFERENCES/,
  'THREAD=REFS': /THREAD REFS/,
  'QUOTA=RES-STORAGE': /STORAGE/,
  'QUOTA=RES-MESSAGE': / MESSAGE \d|RES-MESSAGE/,
  SAVEDATE: /SAVEDATE/,
  PREVIEW: /PREVIEW/,
  APPENDLIMIT: /APPEND/,
  'STATUS=SIZE': /STATUS .*SIZE/,
};

/** Not of an RFC: docs/sign-in.md, and a test of its own. */
const OF_OUR_OWN = /^AUTH=X-POSTERN-/;

const folder = join(import.meta.dirname, 'imap');
const textOf = (name: string): string => readFileSync(join(folder, `${name}.dialogue`), 'utf8');

/** Everything that some session can be offered. */
function offered(): Set<string> {
  const imapOf = (capabilitiesOff: readonly string[]) =>
    storeConfigSchema.shape.imap.parse({ capabilitiesOff, trustedPeers: ['webmail.example'] });
  const states = [
    { account: undefined, encrypted: false, passwordsAllowed: false, tlsAvailable: true, trustedPeer: false },
    { account: undefined, encrypted: true, passwordsAllowed: true, tlsAvailable: true, trustedPeer: true },
    { account: 'a@b.example', encrypted: true, passwordsAllowed: true, tlsAvailable: true, trustedPeer: false },
  ];
  const all = [[], ['LITERAL+']].flatMap((off) => states.flatMap((state) => capabilities(imapOf(off), state)));
  return new Set(all.map((name) => name.replace(/^APPENDLIMIT=.*/, 'APPENDLIMIT')));
}

describe('dialogues of IMAP', () => {
  it('show every capability that is offered, and none that is not', () => {
    expect(Object.keys(SHOWN).sort()).toEqual([...offered()].filter((name) => !OF_OUR_OWN.test(name)).sort());
  });

  it.each(Object.entries(SHOWN))(
    '%s: an example, errors, a session that interferes',
    (capability, [example, errors, between]) => {
      for (const name of [example, errors, between])
        expect(existsSync(join(folder, `${name}.dialogue`)), name).toBe(true);
      // Where nothing can be got wrong, it is switched off.
      if (!errors.endsWith('-off')) expect(textOf(errors), errors).toMatch(/^S\d?[:*] .*\b(?:NO|BAD|BYE|NIL)\b/m);
      expect(textOf(between), between).toMatch(/^C2[:>]/m);
      const known = KNOWN_BY[capability] ?? /^/;
      for (const name of [example, errors, between]) expect(textOf(name), name).toMatch(known);
    },
  );

  it('name the RFC that they follow, but for what is a switch of ours', () => {
    const ofOurOwn = /^(?:all-mail-off|capability-off.*)\.dialogue$/;
    const files = readdirSync(folder).filter((name) => name.endsWith('.dialogue') && !ofOurOwn.test(name));
    const without = files.filter((name) => !/^# .*(?:RFC \d+)/m.test(readFileSync(join(folder, name), 'utf8')));
    expect(without).toEqual([]);
  });
});
