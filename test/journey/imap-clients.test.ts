import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ImapStore, startImapStore } from '../support/imap-store.ts';

const run = promisify(execFile);

const MESSAGE = Buffer.from(
  'From: Zoë <zoe@example.org>\r\nTo: user1@domain1.example\r\nSubject: Ärger\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n',
);

/** python's imaplib over STARTTLS: its own parser, strict on literals, and one command at a time. */
const PYTHON = `
import imaplib, ssl, sys
port, ca = int(sys.argv[1]), sys.argv[2]
with imaplib.IMAP4('127.0.0.1', port) as m:
    m.starttls(ssl.create_default_context(cafile=ca))
    m.login('user2@domain1.example', 'user2')
    assert m.create('Archiv/2024')[0] == 'OK'
    message = b'Subject: one\\r\\n\\r\\n' + b'x' * 70000 + b'\\r\\n'
    for n in range(3):
        typ, data = m.append('Archiv/2024', '(\\\\Seen)', imaplib.Time2Internaldate(1700000000), message)
        assert typ == 'OK' and b'APPENDUID' in data[0], data
    typ, data = m.select('Archiv/2024')
    assert typ == 'OK' and data == [b'3'], data
    typ, data = m.uid('FETCH', '2', '(BODY.PEEK[] INTERNALDATE FLAGS)')
    assert data[0][1] == message, 'not the same octets'
    assert b'14-Nov-2023 22:13:20 +0000' in data[0][0] + data[1], data[0][0]
    assert m.store('1', '+FLAGS', '(\\\\Deleted)')[0] == 'OK'
    assert m.expunge() == ('OK', [b'1'])
    assert m.uid('COPY', '2:3', 'INBOX')[0] == 'OK'
    assert m.uid('MOVE', '2', 'Trash')[0] == 'OK'
    assert m.search(None, 'SUBJECT', '"ONE"') == ('OK', [b'1'])
    assert m.status('INBOX', '(MESSAGES UNSEEN)') == ('OK', [b'INBOX (MESSAGES 2 UNSEEN 0)'])
    names = [line.decode().split(' "/" ')[1] for line in m.list()[1]]
    assert 'Archiv/2024' in names and 'Archiv' in names, names
    m.close()
print('done')
`;

describe('clients that are not ours', () => {
  let store: ImapStore;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-imap-clients-'));
    store = await startImapStore();
  });

  afterAll(async () => {
    await store?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('imapflow over implicit TLS: append, list, fetch, search, flags, move, IDLE', async () => {
    const client = new ImapFlow({
      host: '127.0.0.1',
      port: store.tlsPort,
      secure: true,
      tls: { ca: store.ca },
      auth: { user: 'user1@domain1.example', pass: 'user1' },
      logger: false,
    });
    await client.connect();
    try {
      await client.mailboxCreate(['Projekte', 'Größe']);
      const appended = await client.append('Projekte/Größe', MESSAGE, ['\\Seen', '$Work'], new Date(1_700_000_000_000));
      expect(appended).toMatchObject({ uid: 1 });
      const mailboxes = await client.list();
      expect(mailboxes.map((m) => m.path)).toContain('Projekte/Größe');
      expect(mailboxes.find((m) => m.specialUse === '\\Trash')?.path).toBe('Trash');

      const opened = await client.mailboxOpen('Projekte/Größe');
      expect(opened.exists).toBe(1);
      const message = await client.fetchOne('1', {
        envelope: true,
        bodyStructure: true,
        source: true,
        flags: true,
        internalDate: true,
        size: true,
      });
      if (!message) throw new Error('not fetched');
      expect(message.envelope?.subject).toBe('Ärger');
      expect(message.envelope?.from?.[0]).toMatchObject({ name: 'Zoë', address: 'zoe@example.org' });
      expect(message.bodyStructure?.type).toBe('text/plain');
      expect(message.source?.equals(MESSAGE)).toBe(true);
      expect(message.size).toBe(MESSAGE.length);
      expect([...(message.flags ?? [])].sort()).toEqual(['$Work', '\\Seen']);
      expect(new Date(message.internalDate ?? 0).getTime()).toBe(1_700_000_000_000);

      expect(await client.search({ body: 'nirgends' })).toEqual([]);
      expect(await client.search({ body: 'GRÜ', keyword: '$Work' })).toEqual([1]);
      await client.messageFlagsAdd('1', ['\\Flagged']);
      expect(await client.search({ flagged: true }, { uid: true })).toEqual([1]);
      const moved = await client.messageMove('1', 'Archive');
      expect(moved && [...(moved.uidMap ?? [])]).toEqual([[1, 1]]);

      await client.mailboxOpen('INBOX');
      const arrived = new Promise<number>((resolve) => {
        client.once('exists', (event: { count: number }) => resolve(event.count));
      });
      const idling = client.idle();
      const sender = await store.signIn('user1@domain1.example');
      await sender.command('APPEND INBOX {6+}\r\nA: 1\r\n');
      expect(await arrived).toBe(1);
      await client.noop();
      await idling;
    } finally {
      await client.logout();
    }
  });

  test('python imaplib over STARTTLS', async () => {
    const script = join(folder, 'client.py');
    writeFileSync(script, PYTHON);
    const { stdout } = await run('python3', [script, String(store.port), store.pki.ca], { timeout: 60_000 });
    expect(stdout).toBe('done\n');
  });

  test('curl: upload and download', async () => {
    const file = join(folder, 'message.eml');
    // curl knows nothing of UTF8=ACCEPT, and may not bring UTF-8 in a header (RFC 6855 §4).
    const ascii = Buffer.from(MESSAGE.toString().replace('Zoë', 'Zoe').replace('Ärger', 'Joy'));
    writeFileSync(file, ascii);
    const base = `imaps://127.0.0.1:${store.tlsPort}`;
    const common = ['-sS', '--cacert', store.pki.ca, '-u', 'user4@domain2.example:user4'];
    await run('curl', [...common, '-T', file, `${base}/INBOX`]);
    const { stdout } = await run('curl', [...common, `${base}/INBOX;MAILINDEX=1`], { encoding: 'buffer' });
    expect(stdout.equals(ascii)).toBe(true);
    const header = await run('curl', [...common, `${base}/INBOX;UID=1;SECTION=HEADER.FIELDS%20(SUBJECT)`]);
    expect(header.stdout).toBe('Subject: Joy\r\n\r\n');
  });

  test('mbsync: 200 messages in four mailboxes, both ways, end identical', async () => {
    // mbsync 1.4 names its folders as the wire does.
    const names = ['INBOX', 'Projekte', 'Projekte/Gr&APYA3w-e', 'Archive'];
    const client = await store.signIn('user5@domain2.example');
    const octets = (n: number): string => `From: a@b.example\r\nSubject: ${n}\r\n\r\nnumber ${n} \xc3\xa9\r\n`;
    await client.command(`CREATE ${names[2]}`);
    for (let n = 0; n < 100; n += 1) {
      const message = octets(n);
      await client.command(
        `APPEND ${names[n % 4]} ${n % 3 === 0 ? '(\\Seen) ' : ''}{${message.length}+}\r\n${message}`,
      );
    }
    const mail = join(folder, 'mail');
    const config = join(folder, 'mbsyncrc');
    const maildirOf = (name: string): string => join(mail, ...name.split('/'));
    writeFileSync(config, mbsyncConfig(mail));
    const sync = async (): Promise<void> => {
      await run('mbsync', ['-c', config, '-q', '-a'], { timeout: 60_000 });
    };
    mkdirSync(mail);
    await sync();
    // The other hundred come from the maildir; one that came down is read there, one is deleted on the server.
    for (let n = 100; n < 200; n += 1) {
      writeFileSync(
        join(maildirOf(names[n % 4] ?? ''), 'new', `17000000${n}.M${n}.test`),
        Buffer.from(octets(n).replaceAll('\r\n', '\n'), 'latin1'),
      );
    }
    const [unread] = readdirSync(join(maildirOf('INBOX'), 'new')).filter((name) => !name.endsWith('.test'));
    if (unread === undefined) throw new Error('nothing unread came down');
    renameSync(join(maildirOf('INBOX'), 'new', unread), join(maildirOf('INBOX'), 'cur', `${unread.split(':')[0]}:2,S`));
    await client.command(`SELECT ${names[3]}`);
    await client.command('STORE 1 +FLAGS.SILENT (\\Deleted)');
    await client.command('EXPUNGE');
    await sync();
    await sync();

    for (const [index, name] of names.entries()) {
      await client.command(`SELECT ${name}`);
      const fetched = await client.command('FETCH 1:* (FLAGS BODY.PEEK[TEXT])');
      const remote = [...fetched.matchAll(/FLAGS \(([^)]*)\) BODY\[TEXT\] \{\d+\}\n(number .*)\n/g)]
        .map(([, flags, text]) => `${text} ${flags?.includes('\\Seen') ? 'seen' : 'unseen'}`)
        .sort();
      const local = ['new', 'cur']
        .flatMap((part) => readdirSync(join(maildirOf(name), part)).map((file) => join(maildirOf(name), part, file)))
        .map((file) => {
          const text = /^number .*$/m.exec(readFileSync(file, 'latin1'))?.[0] ?? '';
          return `${text} ${/:2,[A-Z]*S/.test(file) ? 'seen' : 'unseen'}`;
        })
        .sort();
      expect(remote).toEqual(local);
      expect(remote).toHaveLength(index === 3 ? 49 : 50);
    }
  });

  function mbsyncConfig(mail: string): string {
    return `IMAPAccount a
Host localhost
Port ${store.tlsPort}
User user5@domain2.example
Pass user5
SSLType IMAPS
CertificateFile ${store.pki.ca}

IMAPStore far
Account a

MaildirStore near
Path ${mail}/
Inbox ${mail}/INBOX
SubFolders Verbatim

Channel c
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
`;
  }
});
