import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addAccount, readMailbox, sendOctets, smallMessage, withoutTrace } from '../support/mailbox.ts';
import { type ProgramResult, runProgram } from '../support/program.ts';
import { startStack, type TestStack } from '../support/stack.ts';

/** Clients that nobody here wrote, each at an account of its own; what one did is looked at by another (imapflow). */
let stack: TestStack;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-peers-'));
  stack = await startStack();
  for (const name of ['curl', 'imaplib', 'neomutt']) await addAccount(stack.slapd, name);
});
afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Delivers messages the usual way. */
async function deliver(user: string, marks: readonly string[]): Promise<void> {
  for (const mark of marks) {
    const [outcome] = await sendOctets(stack, [user], smallMessage(mark));
    expect(outcome?.kind).toBe('delivered');
  }
}

/** Subject → flags of a mailbox: what is in it, for comparing. */
async function flagsBySubject(user: string, mailbox = 'INBOX'): Promise<Record<string, readonly string[]>> {
  const messages = await readMailbox(stack, user, mailbox);
  return Object.fromEntries(
    messages.map(({ source, flags }) => [
      /^Subject: (.*)\r$/m.exec(source.toString('latin1'))?.[1] ?? '?',
      flags.filter((flag) => flag !== '\\Recent'),
    ]),
  );
}

describe('curl', () => {
  const USER = 'curl@domain1.example';
  const curl = (scheme: 'imap' | 'imaps', path: string, ...args: string[]): Promise<ProgramResult> => {
    const { host, port } = stack.endpoints[scheme];
    return runProgram('curl', [
      ...['-sS', '-m', '20', '--cacert', stack.ca, '--resolve', `${stack.names.store}:${port}:${host}`],
      // imap:// must go on by STARTTLS
      ...['--ssl-reqd', '-u', `${USER}:curl`, ...args, `${scheme}://${stack.names.store}:${port}/${path}`],
    ]);
  };

  test.each(['imap', 'imaps'] as const)(
    '%s:// lists, appends, fetches, searches, flags, copies, moves, deletes',
    async (scheme) => {
      const mark = `curl-${scheme}`;
      await deliver(USER, [`${mark}-1`, `${mark}-2`]);
      const listed = await curl(scheme, '');
      expect(listed.status).toBe(0);
      for (const name of ['INBOX', 'Drafts', 'Sent', 'Junk', 'Trash', 'Archive']) expect(listed.output).toContain(name);

      const letter = join(folder, `${mark}.eml`);
      writeFileSync(letter, smallMessage(`${mark}-appended`));
      expect((await curl(scheme, 'Drafts', '-T', letter)).status).toBe(0);
      const found = await curl(scheme, `Drafts?SUBJECT%20${mark}-appended`);
      const uid = /^\* SEARCH (\d+)\r\n/.exec(found.output)?.[1];
      expect(uid).toBeDefined();
      const number = (await readMailbox(stack, USER, 'Drafts')).length;
      const fetched = await curl(scheme, `Drafts;MAILINDEX=${number}`);
      expect(fetched.stdout.equals(readFileSync(letter))).toBe(true);

      const inbox = await curl(scheme, `INBOX?SUBJECT%20${mark}-1`);
      const delivered = /^\* SEARCH (\d+)\r\n/.exec(inbox.output)?.[1] ?? '';
      const message = await curl(scheme, `INBOX;MAILINDEX=${delivered}`);
      expect(withoutTrace(message.stdout).equals(smallMessage(`${mark}-1`))).toBe(true);

      for (const request of [
        `STORE ${delivered} +FLAGS (\\Flagged)`,
        `COPY ${delivered} Archive`,
        `MOVE ${delivered} Trash`,
      ]) {
        expect((await curl(scheme, 'INBOX', '-X', request)).status).toBe(0);
      }
      expect(await flagsBySubject(USER, 'Archive')).toMatchObject({
        [`${mark}-1`]: expect.arrayContaining(['\\Flagged']),
      });
      expect(await flagsBySubject(USER, 'Trash')).toMatchObject({
        [`${mark}-1`]: expect.arrayContaining(['\\Flagged']),
      });
      expect(Object.keys(await flagsBySubject(USER))).not.toContain(`${mark}-1`);
      const left = /^\* SEARCH (\d+)\r\n/.exec((await curl(scheme, `INBOX?SUBJECT%20${mark}-2`)).output)?.[1];
      expect((await curl(scheme, 'INBOX', '-X', `STORE ${left} +FLAGS (\\Deleted)`)).status).toBe(0);
      expect((await curl(scheme, 'INBOX', '-X', 'EXPUNGE')).status).toBe(0);
      expect(await flagsBySubject(USER)).toEqual({});
    },
  );

  test('a wrong password is told as one', async () => {
    const refused = await curl('imaps', 'INBOX', '-u', `${USER}:wrong`);
    expect(refused.status).toBe(67);
    expect(refused.output).toMatch(/denied/i);
  });
});

describe('python imaplib', () => {
  const USER = 'imaplib@domain1.example';
  /** Prints one JSON object of all it saw; asserts nothing itself but that commands end with OK. */
  const SCRIPT = `
import imaplib, json, ssl, sys, time, select
host, port, plain_port, ca, name, user, password = sys.argv[1:8]
context = ssl.create_default_context(cafile=ca)
class Tls(imaplib.IMAP4_SSL):
    def _create_socket(self, timeout=None):
        return context.wrap_socket(imaplib.IMAP4._create_socket(self, timeout), server_hostname=name)
seen = {}
def ok(answer):
    assert answer[0] == 'OK', answer
    return answer[1]
m = Tls(host, int(port))
ok(m.login(user, password))
seen['list'] = [line.decode() for line in ok(m.list())]
seen['exists'] = int(ok(m.select('INBOX'))[0])
letter = b'Subject: imaplib-appended\\r\\n\\r\\nGr\\xfc\\xdfe\\r\\n'
ok(m.append('INBOX', '(\\\\Seen \\\\Draft)', imaplib.Time2Internaldate(1715934030), letter))
uids = ok(m.uid('SEARCH', None, 'ALL'))[0].split()
seen['uids'] = len(uids)
fetched = ok(m.uid('FETCH', uids[-1], '(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])'))
seen['appended'] = fetched[0][1] == letter
seen['date'] = 'INTERNALDATE "17-May-2024 08:20:30 +0000"' in fetched[0][0].decode() or fetched[0][0].decode()
structure = ok(m.uid('FETCH', uids[0], '(ENVELOPE BODYSTRUCTURE)'))[0].decode()
seen['envelope'] = '"imaplib-1"' in structure and '"TEXT" "PLAIN"' in structure.upper()
ok(m.uid('FETCH', uids[0], '(BODY[TEXT])'))
ok(m.uid('STORE', uids[1], '+FLAGS', '(\\\\Flagged $Label1)'))
ok(m.uid('COPY', uids[0], 'Archive'))
ok(m.uid('MOVE', uids[1], 'Trash'))
ok(m.uid('STORE', uids[2], '+FLAGS.SILENT', '(\\\\Deleted)'))
seen['expunged'] = [n.decode() for n in ok(m.expunge())]
seen['flagged'] = ok(m.search(None, 'FLAGGED'))[0].decode()
seen['seen'] = ok(m.search(None, 'SEEN', 'SUBJECT', 'imaplib'))[0].decode()
ok(m.create('Projekte/B&APw-ro'))
ok(m.subscribe('Projekte/B&APw-ro'))
seen['children'] = [line.decode() for line in ok(m.list('Projekte/', '*'))]
ok(m.delete('Projekte/B&APw-ro'))
seen['status'] = ok(m.status('INBOX', '(MESSAGES UNSEEN)'))[0].decode()
# IDLE, which imaplib has no word for: by hand
tag = m._new_tag()
m.send(tag + b' IDLE\\r\\n')
assert m.readline().startswith(b'+')
print('idling', flush=True)
line = b''
while b'EXISTS' not in line: line = m.readline()
seen['idle'] = line.decode().strip()
m.send(b'DONE\\r\\n')
while not line.startswith(tag): line = m.readline()
assert b' OK' in line, line
ok(m.close())
seen['logout'] = m.logout()[0]
s = imaplib.IMAP4(host, int(plain_port))
context.check_hostname = False
s.starttls(context)
ok(s.authenticate('PLAIN', lambda _: ('\\0' + user + '\\0' + password).encode()))
seen['starttls'] = int(ok(s.select('Archive', readonly=True))[0])
seen['readonly'] = s.store('1', '+FLAGS', '\\\\Seen')[0]
s.logout()
print(json.dumps(seen))
`;

  test('signs in, lists, selects, appends, fetches, flags, copies, moves, expunges, searches, idles', async () => {
    await deliver(USER, ['imaplib-1', 'imaplib-2', 'imaplib-3']);
    const { host, port } = stack.endpoints.imaps;
    const args = [host, String(port), String(stack.endpoints.imap.port), stack.ca, stack.names.store, USER, 'imaplib'];
    let delivery: Promise<void> | undefined;
    const result = await runProgram('python3', ['-c', SCRIPT, ...args], {
      deadlineMs: 30_000,
      onOutput: (text) => {
        if (text.includes('idling')) delivery ??= deliver(USER, ['imaplib-idle']);
      },
    });
    await delivery;
    expect(result.output).toMatch(/^idling/m);
    expect(result.status, result.output).toBe(0);
    const seen = JSON.parse(result.stdout.toString().trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
    expect(seen).toMatchObject({
      exists: 3,
      uids: 4,
      appended: true,
      date: true,
      envelope: true,
      // the first is MOVE's
      expunged: ['2', '2'],
      status: expect.stringMatching(/INBOX.* \(MESSAGES 2 UNSEEN 0\)/),
      flagged: '',
      seen: '1 2',
      idle: '* 3 EXISTS',
      logout: 'BYE',
      starttls: 1,
      readonly: 'NO',
    });
    expect(seen.children).toEqual([expect.stringMatching(/B&APw-ro/)]);
    expect(seen.list).toEqual(expect.arrayContaining([expect.stringMatching(/\\Trash.*Trash/)]));
    expect(await flagsBySubject(USER)).toEqual({
      'imaplib-1': ['\\Seen'],
      'imaplib-appended': ['\\Draft', '\\Seen'],
      'imaplib-idle': [],
    });
    expect(await flagsBySubject(USER, 'Archive')).toEqual({ 'imaplib-1': ['\\Seen'] });
    expect(await flagsBySubject(USER, 'Trash')).toEqual({ 'imaplib-2': ['$Label1', '\\Flagged'] });
  });
});

describe('neomutt', () => {
  const USER = 'neomutt@domain1.example';

  /** Runs neomutt on a terminal of its own (util-linux script), with keys pushed as a person would press them. */
  async function neomutt(mailbox: string, keys: string): Promise<ProgramResult> {
    const { host, port } = stack.endpoints.imaps;
    const home = mkdtempSync(join(folder, 'neomutt-'));
    const rc = join(home, 'neomuttrc');
    const lines = [
      `set folder="imaps://${host}:${port}/"`,
      `set spoolfile="imaps://${host}:${port}/INBOX"`,
      `set imap_user="${USER}"`,
      'set imap_pass="neomutt"',
      `set certificate_file="${stack.ca}"`,
      'set ssl_starttls=yes',
      'set imap_check_subscribed=no',
      'set delete=yes',
      'set move=no',
      'set confirmappend=no',
      'set confirmcreate=no',
      'set quit=yes',
      'set mark_old=no',
      'set wait_key=no',
      'set pager_stop=yes',
      'set sort=mailbox-order',
      'set header_cache=""',
      'unset trash',
    ];
    writeFileSync(rc, `${lines.join('\n')}\n`);
    const command = `stty rows 40 cols 120; exec neomutt -n -F ${rc} -f 'imaps://${host}:${port}/${mailbox}' -e 'push "${keys}"'`;
    return runProgram('script', ['-qefc', command, '/dev/null'], {
      deadlineMs: 30_000,
      env: { HOME: home, TERM: 'xterm', LC_ALL: 'C.UTF-8' },
    });
  }

  test('lists, reads, flags, copies, moves, deletes, appends', async () => {
    await deliver(USER, ['mutt-read', 'mutt-flag', 'mutt-copy', 'mutt-move', 'mutt-delete']);
    const keys = [
      `<first-entry><display-message><exit><pipe-message>cat > ${join(folder, 'piped')}<enter>`,
      '<next-entry><flag-message>',
      '<search>mutt-copy<enter><copy-message>=Archive<enter>',
      '<search>mutt-move<enter><save-message>=Trash<enter>',
      '<search>mutt-delete<enter><delete-message>',
      '<sync-mailbox><quit>',
    ].join('');
    const run = await neomutt('INBOX', keys);
    // What the index shows at the end, and what was read.
    for (const subject of ['mutt-read', 'mutt-flag', 'mutt-copy']) expect(run.output).toContain(subject);
    expect(readFileSync(join(folder, 'piped'), 'utf8')).toContain('Text of mutt-read.');
    expect(run.status).toBe(0);
    expect(await flagsBySubject(USER)).toEqual({
      'mutt-read': ['\\Seen'],
      'mutt-flag': ['\\Flagged'],
      'mutt-copy': [],
    });
    expect(Object.keys(await flagsBySubject(USER, 'Archive'))).toEqual(['mutt-copy']);
    expect(Object.keys(await flagsBySubject(USER, 'Trash'))).toEqual(['mutt-move']);

    // From a local mailbox into the store: APPEND with flags.
    const local = join(folder, 'local.mbox');
    const text = smallMessage('mutt-append').toString().replaceAll('\r\n', '\n');
    writeFileSync(local, `From sender@elsewhere.example Fri May 17 10:20:30 2024\n${text}\n`);
    const { host, port } = stack.endpoints.imaps;
    const append = await neomutt(
      'INBOX',
      `<change-folder>${local}<enter><copy-message>imaps://${host}:${port}/Drafts<enter><quit>`,
    );
    expect(append.status).toBe(0);
    const [draft] = await readMailbox(stack, USER, 'Drafts');
    expect(draft?.source.toString()).toContain('Subject: mutt-append\r\n');
    expect(draft?.source.toString()).toContain('\r\n\r\nText of mutt-append.\r\n');
  });
});

test('nothing of this made the store complain', () => {
  const faults = readFileSync(stack.logs.store, 'utf8')
    .split('\n')
    .filter((line) => /"level":"(error|fatal)"/.test(line));
  expect(faults).toEqual([]);
});
