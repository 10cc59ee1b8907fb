import { silentLog } from '@postern/shared/runtime/log.ts';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mailstore, openMailstore, type Problem } from '../../store/mailstore/mailstore.ts';
import { appendLetters, letter, mailboxOf, NO_QUOTA, range, somebody } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';

/** Whose rows are damaged. */
interface Victim {
  readonly address: string;
  readonly account: number;
  readonly inbox: number;
  /** Id of the body of the message with UID 2, as SQL. */
  readonly content: string;
}

interface Case {
  /** Tables that it damages. */
  readonly tables: readonly string[];
  readonly damage: (victim: Victim) => readonly string[];
  /** What check says, each with its own line. */
  readonly found: readonly RegExp[];
  /** Nothing here can bring it back. */
  readonly lost?: true;
}

const NOBODY = 4_000_000_000;
/** A row of a table that belongs to no account: `columns` beside account_id, and their values. */
const orphan = (table: string, columns: string, values: string): Case => ({
  tables: [table],
  damage: () => [`INSERT INTO ${table} (account_id, ${columns}) VALUES (${NOBODY}, ${values})`],
  found: [new RegExp(`^1 rows of ${table} without their account$`)],
});
const hex = (letters: string, octets: number): string => `X'${letters.repeat(octets)}'`;

const CASES: Readonly<Record<string, Case>> = {
  'counters of the account': {
    tables: ['account'],
    damage: ({ account }) => [
      `UPDATE account SET n_msgs = 1, bytes = 1, modseq = 1, next_email_no = 1 WHERE id = ${account}`,
    ],
    found: [/^bytes used is 1, /, /^messages is 1, should be 4/, /^mod-sequence is 1, /, /^next email is 1, /],
  },
  'counters of a mailbox': {
    tables: ['mailbox'],
    damage: ({ inbox }) => [`UPDATE mailbox SET n_unseen = 77, uidnext = 2 WHERE id = ${inbox}`],
    found: [/unseen is 77, should be 4/, /UIDNEXT is 2, but UID 4 is given/],
  },
  'a name that nobody finds': {
    tables: ['mailbox'],
    damage: ({ account }) => [
      `UPDATE mailbox SET name_hash = ${hex('ab', 32)} WHERE owner_id = ${account} AND name = 'Sent'`,
    ],
    found: [/^mailbox Sent: not to be found by its name$/],
  },
  'a deleted mailbox that holds its name': {
    tables: ['mailbox'],
    damage: ({ account }) => [`UPDATE mailbox SET deleted_at = 9e12 WHERE owner_id = ${account} AND name = 'Sent'`],
    found: [/^mailbox Sent: deleted, it still holds its name$/],
  },
  'two mailboxes of one use, numbers ahead of those given': {
    tables: ['mailbox'],
    damage: ({ account, inbox }) => [
      `UPDATE mailbox SET special_use = '\\\\Junk' WHERE owner_id = ${account} AND name = 'Trash'`,
      `UPDATE mailbox SET first_recent_uid = 999, vanished_floor = 999999 WHERE id = ${inbox}`,
    ],
    found: [
      /a second one for \\Junk$/,
      /^mailbox INBOX: recent from UID 999 on/,
      /^mailbox INBOX: history ends at 999999/,
    ],
  },
  'a mailbox of nobody, with all that is in it': {
    tables: ['mailbox', 'message'],
    damage: ({ account, inbox }) => [
      `INSERT INTO mailbox (owner_id, name, uidvalidity, created_at) VALUES (${NOBODY}, 'x', 1, 0)`,
      `INSERT INTO message SELECT ${NOBODY}, uid, modseq, flags, keywords, email_no, content_id, internal_date, save_date, size
       FROM message WHERE mailbox_id = ${inbox} AND uid = 1 AND ${account} > 0`,
    ],
    found: [/^1 mailboxes of accounts that are not there$/, /^1 messages of mailboxes that are not there$/],
  },
  'a message with another body and size': {
    tables: ['message'],
    damage: ({ inbox }) => [
      `UPDATE message SET content_id = ${hex('cd', 16)}, size = 7 WHERE mailbox_id = ${inbox} AND uid = 2`,
    ],
    found: [
      /^1 messages have another body than their email$/,
      /^1 messages have another size than their body$/,
      /^mailbox INBOX: bytes is/,
      /^bytes used is/,
    ],
  },
  'keywords without a name': {
    tables: ['message', 'keyword', 'message_keyword'],
    damage: ({ account, inbox }) => [
      `DELETE FROM keyword WHERE account_id = ${account}`,
      `UPDATE message SET keywords = keywords | (1 << 40) WHERE mailbox_id = ${inbox} AND uid = 2`,
    ],
    found: [/^4 messages have keywords without a name$/, /^\d+ rows of message_keyword without a name$/],
  },
  'an email that is missing, one that counts wrong, one without an end': {
    tables: ['email'],
    damage: ({ account, inbox }) => [
      `DELETE FROM email WHERE account_id = ${account} AND email_no = 1`,
      `UPDATE email SET copies = 5 WHERE account_id = ${account} AND email_no = 2`,
      `INSERT INTO email SELECT account_id, 900, content_id, 900, 1, 0, NULL FROM email WHERE account_id = ${account} AND email_no = 3`,
      `UPDATE account SET next_email_no = 901 WHERE id = ${account} AND ${inbox} > 0`,
    ],
    found: [
      /^email 1 is missing, of which there are 1 messages$/,
      /^email 2 counts 5 messages, there are 1$/,
      /^email 900 has no copy and no end$/,
      // What was kept of the one that is missing.
      /^1 rows of search_text without their email$/,
    ],
  },
  'ENVELOPE and BODYSTRUCTURE of another message': {
    tables: ['email_cache'],
    damage: ({ account }) => [
      `UPDATE email_cache SET envelope = '(NIL)' WHERE account_id = ${account} AND email_no = 2`,
      `INSERT INTO email_cache SELECT account_id, 901, version, sent_at, envelope, bodystructure, header_fields, thread_hashes
       FROM email_cache WHERE account_id = ${account} AND email_no = 3`,
    ],
    found: [
      /^email 2 of account \d+: what FETCH sends of it is not its message's$/,
      /^2 rows of email_cache without their email$/,
    ],
  },
  'keys of another message, and a gap in them': {
    tables: ['message_keys'],
    damage: ({ inbox }) => [
      `UPDATE message_keys SET subject = 'nonsense' WHERE mailbox_id = ${inbox} AND uid = 2`,
      `DELETE FROM message_keys WHERE mailbox_id = ${inbox} AND uid = 3`,
      `INSERT INTO message_keys (mailbox_id, version, uid, sent_at, sort_keys, thread_ids) VALUES (${NOBODY}, 1, 9, 0, '', '')`,
    ],
    found: [
      /^message 2 of mailbox M\d+: its keys are not its message's$/,
      /^1 messages of mailbox M\d+ have no keys$/,
      /^1 rows of message_keys without their message$/,
    ],
  },
  'the text of another message': {
    tables: ['search_text'],
    damage: ({ account }) => [
      `UPDATE search_text SET body_text = 'nonsense' WHERE account_id = ${account} AND email_no = 2`,
    ],
    found: [/^email 2 of account \d+: its text for search is not its message's$/],
  },
  'parts that lie elsewhere': {
    tables: ['content'],
    damage: ({ content }) => [`UPDATE content SET header_bytes = 3, parts = X'00' WHERE id = ${content}`],
    found: [/^body [0-9a-f]+: its parts are not where they are said to be$/],
  },
  'a body without its octets': {
    tables: ['content_chunk'],
    damage: ({ content }) => [`UPDATE content_chunk SET data = CONCAT(data, 'x') WHERE content_id = ${content}`],
    found: [/^body [0-9a-f]+ has \d+ of \d+ octets$/],
    lost: true,
  },
  'octets of no body': {
    tables: ['content_chunk'],
    damage: () => [`INSERT INTO content_chunk (content_id, n, data) VALUES (${hex('ee', 16)}, 0, 'x')`],
    found: [/^1 pieces of bodies that are not there$/],
  },
  'a history of no mailbox': {
    tables: ['expunged', 'message_change', 'mailbox_right', 'setting'],
    damage: ({ account }) => [
      `INSERT INTO expunged VALUES (${NOBODY}, 5, 1, 1, ${hex('aa', 16)}, 0, 0, 0, 0, 0, ${Date.now()}, '', 'expunge')`,
      `INSERT INTO message_change (mailbox_id, modseq, first_uid, last_uid) VALUES (${NOBODY}, 5, 1, 1)`,
      `INSERT INTO mailbox_right VALUES (${NOBODY}, 0, 0, 'lr')`,
      `INSERT INTO setting VALUES (${account}, ${NOBODY}, '/private/comment', 'x')`,
    ],
    found: [
      /^1 expunged messages of mailboxes that are not there$/,
      ...['message_change', 'mailbox_right', 'setting'].map(
        (table) => new RegExp(`^1 rows of ${table} without their mailbox$`),
      ),
    ],
  },
  'rights of nobody': {
    tables: ['mailbox_right'],
    damage: ({ inbox }) => [`INSERT INTO mailbox_right VALUES (${inbox}, ${NOBODY}, 0, 'lr')`],
    found: [/^1 rights of accounts that are not there$/],
  },
  'who has seen what is not there': {
    tables: ['seen_by'],
    damage: ({ account, inbox }) => [`INSERT INTO seen_by VALUES (${inbox}, ${account}, 777, 1, 1)`],
    found: [/^1 marks of having seen, /],
  },
  'two active scripts': {
    tables: ['sieve_script'],
    damage: ({ account }) =>
      ['a1', 'b2'].map(
        (name) => `INSERT INTO sieve_script VALUES (${account}, ${hex(name, 32)}, '${name}', 'keep;', 1, 1)`,
      ),
    found: [/^2 scripts are active$/],
  },
  'a message to be sent without its body': {
    tables: ['outgoing'],
    damage: () => [
      `INSERT INTO outgoing (id, delivery_id, envelope, content_id, release_at, state, next_at, created_at)
       VALUES ('to-be-sent', ${hex('aa', 16)}, '{}', ${hex('bb', 16)}, 0, 'pending', 0, 0)`,
    ],
    found: [/^the body of to-be-sent, to be sent, is missing$/],
    lost: true,
  },
  'a recipient of nothing': {
    tables: ['outgoing_recipient'],
    damage: () => [
      `INSERT INTO outgoing_recipient (outgoing_id, n, address, state, changed_at) VALUES ('none', 0, 'a@b.example', 'pending', 0)`,
    ],
    found: [/^1 recipients of messages to be sent that are not there$/],
  },
  'an email of nobody': orphan(
    'email',
    'email_no, content_id, thread_id, modseq, copies',
    `1, ${hex('aa', 16)}, 1, 1, 1`,
  ),
  'a subscription of nobody': orphan('subscription', 'name_hash, name', `${hex('aa', 32)}, 'x'`),
  'a keyword of nobody': orphan('keyword', 'no, name, folded', "0, 'x', 'x'"),
  'a thread of nobody': orphan('thread_reference', 'message_id_hash, thread_id', `${hex('aa', 16)}, 1`),
  'a setting of nobody': orphan('setting', 'mailbox_id, entry, value', "0, '/private/comment', 'x'"),
  'a token of nobody': orphan(
    'token',
    'token_hash, name, certificate_name, scope, created_at, expires_at',
    `${hex('aa', 32)}, 'x', 'webmail', 'all', 0, 9e12`,
  ),
  'a script of nobody': orphan('sieve_script', 'name_hash, name, content, updated_at', `${hex('aa', 32)}, 'x', '', 0`),
  'what a script of nobody remembers': orphan('sieve_memory', 'key_hash, expires_at', `${hex('aa', 32)}, 9e12`),
  'a second factor of nobody': orphan('second_factor', 'secret, created_at, last_step', `${hex('aa', 20)}, 0, 0`),
  'an app password of nobody': orphan('app_password', 'name, label, services, created_at', "'x', 'x', '', 0"),
  'an import of nobody': orphan(
    'import_record',
    'source, item, mailbox_id, uid, flags',
    `${hex('aa', 32)}, ${hex('aa', 32)}, 1, 1, ${hex('00', 8)}`,
  ),
};

/** What no other table can tell to be wrong: records of what happened, and of what is under way. */
const RECORDS = [
  'administration_log',
  'api_token',
  'change_feed',
  'deletion',
  'delivery',
  'knex_migrations',
  'knex_migrations_lock',
  'migration_turn',
  'restore_record',
  'sending_count',
];

let server: TestDatabase;
let store: Mailstore;
let administrator: Connection;
/** By name of the case. */
const victims = new Map<string, Victim>();
/** What check says before and after the damage, and after the repair. */
let clean: readonly Problem[] = [];
let damaged: readonly Problem[] = [];
let repaired: readonly Problem[] = [];

beforeAll(async () => {
  server = await startTestDatabase(WITHOUT_POWER_CUTS);
  store = await openMailstore({ url: server.url, connections: 6, log: silentLog() });
  administrator = await createConnection(server.url);
  for (const name of Object.keys(CASES)) victims.set(name, await victim());
  clean = await check();
  for (const [name, { damage }] of Object.entries(CASES)) {
    for (const statement of damage(victims.get(name) as Victim)) await administrator.query(statement);
  }
  damaged = await check();
  await check(true);
  repaired = await check();
});

afterAll(async () => {
  await administrator?.end();
  await store?.close();
  await server?.stop();
});

async function check(repair = false): Promise<Problem[]> {
  const problems: Problem[] = [];
  await store.maintenance.verify({ bodies: true, repair }, (problem) => problems.push(problem));
  return problems;
}

/** An account with four messages, keywords of both kinds, keys and texts. */
async function victim(): Promise<Victim> {
  const account = await somebody(store);
  const inbox = await mailboxOf(store, account);
  const keywords = range(1, 70).map((n) => `k${n}`);
  await appendLetters(store, inbox, 3, { flags: { system: 0, keywords } });
  const content = await store.contents.put(letter('unlike the others'));
  const message = { content, flags: { system: 0, keywords }, internalDate: new Date('2026-02-02T10:00:00Z') };
  await store.messages.append(inbox, [message], NO_QUOTA);
  await store.messages.search(inbox, range(1, 4), [{ kind: 'text', value: 'x' }]);
  await store.messages.search(inbox, range(1, 4), [{ kind: 'header', field: 'subject', value: 'x' }]);
  const [rows] = await administrator.query<RowDataPacket[]>(
    `SELECT HEX(content_id) AS id FROM message WHERE mailbox_id = ${inbox} AND uid = 2`,
  );
  // All mail has entries and no row: nothing is wrong with them.
  const allMail = await store.mailboxes.allMail(account.id);
  await administrator.query(`INSERT INTO setting VALUES (${account.id}, ${allMail?.id}, '/private/comment', 'kept')`);
  return { address: account.address, account: account.id, inbox, content: `X'${rows[0]?.id}'` };
}

describe('check finds what is damaged in a table, and repairs what can be repaired', () => {
  it('is tried with every table', async () => {
    const [rows] = await administrator.query<RowDataPacket[]>(
      'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()',
    );
    const damaged = new Set(Object.values(CASES).flatMap(({ tables }) => tables));
    expect([...damaged, ...RECORDS].sort()).toEqual(rows.map(({ name }) => name as string).sort());
  });

  it.each(Object.entries(CASES))('%s', async (name, { found, lost = false }) => {
    const { address, account, inbox } = victims.get(name) as Victim;
    const its = damaged.filter((problem) => problem.address === undefined || problem.address === address);
    for (const text of found) {
      const problem = its.find((each) => text.test(each.text));
      expect(problem, String(text)).toMatchObject({ state: lost ? 'lost' : 'found' });
    }
    if (lost) return;
    // What is repaired reads as before.
    const letters: number[] = [];
    const every = range(1, 4);
    for await (const page of store.messages.fetch(inbox, every, { body: true, envelope: true }))
      letters.push(...page.filter((m) => m.body?.includes('Hello.')).map((m) => m.uid));
    expect(letters, `account ${account}`).toEqual(every);
    const subject = { kind: 'header', field: 'subject', value: 'letter 1' } as const;
    expect(await store.messages.search(inbox, every, [subject])).toEqual([2]);
    expect(await store.messages.search(inbox, every, [{ kind: 'body', value: 'hello' }])).toEqual(every);
  });

  it('leaves what is whole as it is', async () => {
    const [rows] = await administrator.query<RowDataPacket[]>("SELECT COUNT(*) AS n FROM setting WHERE value = 'kept'");
    expect(rows).toEqual([{ n: victims.size }]);
  });

  it('says nothing of what is whole, and after a repair only of what is lost', () => {
    expect(clean).toEqual([]);
    const told = Object.values(CASES).flatMap(({ found }) => found);
    expect(damaged.filter(({ text }) => !told.some((each) => each.test(text)))).toEqual([]);
    const lost = Object.values(CASES).filter((each) => each.lost === true);
    expect(repaired.map(({ state }) => state)).toEqual(lost.map(() => 'lost'));
  });
});
