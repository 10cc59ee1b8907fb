import { type AddressInfo, createServer, type Server } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileRules, readRules } from '../../gateway/webmail/app/settings/filters/compile.ts';
import { ACTIONS, COMPARISONS, FIELDS } from '../../gateway/webmail/app/settings/filters/rule.ts';
import { checkScript } from '../../store/sieve/check.ts';
import { DEFAULT_LIMITS } from '../../store/sieve/limits.ts';
import { parseScript } from '../../store/sieve/parser.ts';
import { type Json, WebClient } from '../support/jmap.ts';
import { sendOctets } from '../support/mailbox.ts';
import { startStack, type TestStack } from '../support/stack.ts';

/**
 * Classes of flaws that webmails have had, as far as the host is to blame; what a message does to the page that shows it is seen in
 * test/browser. The directory is a real slapd.
 */
const USER = 'user1@domain1.example';
/** What Sieve's variables would replace (RFC 5229). */
const VARIABLE = ['$', '{unicode:22}'].join('');
let stack: TestStack;
let client: WebClient;
beforeAll(async () => {
  stack = await startStack({ withWebmail: true });
  client = new WebClient(stack);
  await client.signIn(USER);
}, 120_000);
afterAll(async () => {
  client?.close();
  await stack?.stop();
}, 60_000);

test('nothing is fetched for a message: no address in it is ever asked', async () => {
  let calls = 0;
  const server: Server = createServer((socket) => {
    calls += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const html = `<img src="${at}/a"><link rel=stylesheet href="${at}/b"><body background="${at}/c"><iframe src="${at}/d"></iframe>`;
  const fields = `Subject: ssrf\r\nContent-Location: ${at}/e\r\nList-Unsubscribe: <${at}/f>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nDisposition-Notification-To: <x@${at.slice(7)}>\r\n`;
  await sendOctets(
    stack,
    [USER],
    Buffer.from(
      `From: a@b.example\r\n${fields}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n${html}\r\n--b\r\nContent-Type: message/external-body; access-type=URL; URL="${at}/g"\r\n\r\nContent-Type: text/plain\r\n\r\n--b--\r\n`,
    ),
  );
  const { ids } = await client.call('Email/query', { filter: { subject: 'ssrf' } });
  const { list } = await client.call('Email/get', {
    ids,
    properties: ['bodyStructure', 'bodyValues', 'textBody', 'htmlBody', 'attachments', 'headers', 'preview'],
    fetchAllBodyValues: true,
  });
  expect(list[0].bodyValues['1'].value).toContain(at);
  for (const { blobId } of list[0].attachments) await client.http(`/jmap/download/${client.accountId}/${blobId}/x`);
  await client.call('Identity/set', { create: { i: { email: `x@${at.slice(7)}`, htmlSignature: html } } });
  expect(calls).toBe(0);
  server.close();
});

describe('what users name and write is data', () => {
  const HOSTILE = [
    'x" RETURN (STATUS (MESSAGES))',
    'x\r\nw999 DELETE INBOX',
    'x\nw1 LOGOUT\r\n',
    '{5+}\r\nhello',
    '~{3}',
    '"',
    '\\',
    'ü{1}ö',
    '()%*',
    'x) (y',
    'Sent\u0000',
    '\u2028\ud83d\ude00',
    'a'.repeat(2_000),
  ];

  test('searched text, names, keywords and header names: found or refused, never a command', async () => {
    const before = await client.call('Mailbox/get', { ids: null });
    for (const text of HOSTILE) {
      for (const filter of [
        { text },
        { subject: text },
        { header: ['Subject', text] },
        { header: [text] },
        { hasKeyword: text },
      ] as Json[]) {
        const answer = await client.call('Email/query', { filter });
        expect(
          answer.error === undefined
            ? Array.isArray(answer.ids)
            : ['invalidArguments', 'unsupportedFilter'].includes(answer.error),
        ).toBe(true);
      }
      const made = await client.call('Mailbox/set', { create: { m: { name: text } } });
      const id = made.created?.m?.id;
      if (id !== undefined) {
        const { list } = await client.call('Mailbox/get', { ids: [id] });
        expect(list[0].name).toBe(text.normalize('NFC'));
        expect((await client.call('Mailbox/set', { destroy: [id] })).destroyed).toEqual([id]);
      } else expect(['invalidProperties', 'tooLarge']).toContain(made.notCreated.m.type);
      const inbox = (before.list as Json[]).find(({ role }) => role === 'inbox')?.id;
      const set = await client.call('Email/set', {
        create: { e: { mailboxIds: { [inbox]: true }, keywords: { [text]: true } } },
      });
      if (set.created?.e !== undefined) await client.call('Email/set', { destroy: [set.created.e.id] });
      else expect(set.notCreated.e.type).toBe('invalidProperties');
    }
    const after = await client.call('Mailbox/get', { ids: null });
    expect(after.list.map(({ name }: Json) => name)).toEqual(before.list.map(({ name }: Json) => name));
  }, 120_000);

  test('header fields of a draft: no value becomes another field, or the body', async () => {
    const { drafts = '' } = await client.roles();
    const evil = 'x\r\nBcc: victim@example.com\r\n\r\nbody';
    const created = await client.call('Email/set', {
      create: {
        a: {
          mailboxIds: { [drafts]: true },
          subject: evil,
          from: [{ name: evil, email: `a@b.example>\r\nX-Evil: 1` }],
          messageId: [evil],
          textBody: [{ partId: 't' }],
          bodyValues: { t: { value: 'ok' } },
          attachments: [],
        },
        b: { mailboxIds: { [drafts]: true }, 'header:X-Note': ` ${evil}` },
        c: { mailboxIds: { [drafts]: true }, 'header:X-Evil\r\nBcc': 'x' },
        d: {
          mailboxIds: { [drafts]: true },
          bodyStructure: { type: 'text/plain\r\nX-Evil: 1', partId: 'p' },
          bodyValues: { p: { value: '' } },
        },
        e: {
          mailboxIds: { [drafts]: true },
          bodyStructure: { type: 'text/plain', partId: 'p', name: 'n"\r\nX-Evil: 1', cid: 'ok@x' },
          bodyValues: { p: { value: '' } },
        },
        f: { mailboxIds: { [drafts]: true }, headers: [{ name: 'Bcc', value: 'x' }] },
        g: { mailboxIds: { [drafts]: true }, 'header:Content-Type': 'text/html' },
      },
    });
    expect(Object.keys(created.notCreated).sort()).toEqual(['b', 'c', 'd', 'f', 'g']);
    for (const key of ['a', 'e']) {
      const { id } = created.created[key];
      const [email] = (
        await client.call('Email/get', {
          ids: [id],
          properties: ['headers', 'bcc', 'bodyStructure'],
          bodyProperties: ['headers', 'name'],
        })
      ).list;
      expect(email.bcc).toBeNull();
      const names = [...email.headers, ...email.bodyStructure.headers].map(({ name }: Json) => name.toLowerCase());
      expect(names).not.toContain('x-evil');
    }
  });
});

test('attachments are files, whatever they call themselves: no type runs, no name or type becomes a header', async () => {
  const { blobId } = (await client.upload('<script>alert(1)</script>', 'text/html')).json();
  const at = (name: string, type: string) =>
    client.http(`/jmap/download/${client.accountId}/${blobId}/${name}?type=${encodeURIComponent(type)}`);
  for (const type of [
    ...['text/html', 'TEXT/HTML; charset=utf-7', 'image/svg+xml', 'application/xhtml+xml', 'text/xml', 'text/xsl'],
    ...[
      'application/javascript',
      'text/ecmascript',
      'multipart/x-mixed-replace, text/html',
      'text/html\r\nX-Evil: 1',
      '',
    ],
    ...['application/wasm', 'message/rfc822\ttext/html', '*/*', 'x'.repeat(500)],
  ]) {
    const { status, headers } = await at('x.html', type);
    expect([type, status, headers['content-type']]).toEqual([type, 200, 'application/octet-stream']);
    expect(headers['x-evil']).toBeUndefined();
    expect(headers['content-disposition']).toMatch(/^attachment;/);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(headers['content-security-policy']).toMatch(/^sandbox; default-src 'none'/);
  }
  for (const name of [
    '%0d%0aX-Evil:%201',
    '..%2f..%2fetc%2fpasswd',
    '%22%3b%20filename=x.exe',
    '%00',
    `${'ü'.repeat(300)}`,
  ]) {
    const { headers } = await at(encodeURI(decodeURI(name)).replaceAll('%25', '%'), 'image/png');
    expect(headers['x-evil']).toBeUndefined();
    expect(headers['content-disposition']).toMatch(/^attachment; filename\*=UTF-8''[A-Za-z0-9!$&+.^_`|~%-]*$/);
    expect(headers['content-disposition']).not.toMatch(/%0[0-9a-f]|%2f|%5c/i);
  }
});

test('a name at sign-in is no LDAP filter', async () => {
  for (const user of [
    ...['*', '*@domain1.example', 'user1@domain1.example)(mail=*', 'user1@domain1.example)(|(mail=*))'],
    ...['*)(userPassword=*', 'user\\31@domain1.example', '(mail=user1@domain1.example)', 'user1@domain1.example,dc=x'],
  ]) {
    const stranger = new WebClient(stack);
    const { status } = await stranger.post('/session', { user, password: 'user1' });
    expect([user, status]).toEqual([user, 401]);
    expect(stranger.cookies.size).toBe(0);
    stranger.close();
  }
  const me = new WebClient(stack);
  await me.signIn(USER);
  me.close();
}, 60_000);

test('no filter rule of the builder becomes another command of Sieve', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      ...[
        '"; redirect "evil@example.com"; #',
        '\\"]; discard; /*',
        'text:\r\n.\r\nredirect "x@y.example";',
        '*/ discard;',
      ],
      ...[`${VARIABLE}; stop;`, 'x"\n# rule: {}', '\u2028\u0000', '\\'],
    ),
  );
  const condition = fc.record({
    field: fc.constantFrom(...FIELDS.filter((field) => field !== 'size')),
    comparison: fc.constantFrom(...COMPARISONS),
    value: hostile,
  });
  const action = fc.record({ kind: fc.constantFrom(...ACTIONS.filter((kind) => kind !== 'forward')), value: hostile });
  const rule = fc.record({
    name: hostile,
    enabled: fc.constant(true),
    match: fc.constantFrom('all' as const, 'any' as const),
    conditions: fc.array(condition, { minLength: 1, maxLength: 3 }),
    actions: fc.array(action, { minLength: 1, maxLength: 3 }),
    stop: fc.boolean(),
  });
  const COMMANDS: Record<string, string> = { move: 'fileinto', copy: 'fileinto', delete: 'discard' };
  fc.assert(
    fc.property(fc.array(rule, { minLength: 1, maxLength: 3 }), (rules) => {
      const script = compileRules(rules);
      const nodes = parseScript(script, DEFAULT_LIMITS).filter(({ name }) => name !== 'require');
      expect(nodes.map(({ name }) => name)).toEqual(rules.map(() => 'if'));
      // In which order they run is the compiler's business.
      expect(nodes.map(({ block }) => block?.map(({ name }) => name).sort())).toEqual(
        rules.map(({ actions, stop }) =>
          [...actions.map(({ kind }) => COMMANDS[kind] ?? 'addflag'), ...(stop ? ['stop'] : [])].sort(),
        ),
      );
      expect(readRules(script)).toEqual(rules);
    }),
  );
  const forward = { name: 'f', enabled: true, match: 'all' as const, stop: false };
  const to = (value: string) =>
    compileRules([
      {
        ...forward,
        conditions: [{ field: 'subject', comparison: 'is', value: 'x' }],
        actions: [{ kind: 'forward', value }],
      },
    ]);
  expect(checkScript(to('me@elsewhere.example')).ok).toBe(true);
  expect(checkScript(to('me@elsewhere.example"; redirect "evil@example.com')).ok).toBe(false);
});

test('an absence is text, whatever stands in it', async () => {
  const textBody = `away"; redirect "evil@example.com"; #\n.\ntext:\n${VARIABLE}`;
  const subject = '"]; discard; #';
  const set = await client.call('VacationResponse/set', {
    update: { singleton: { isEnabled: true, subject, textBody } },
  });
  expect(set.notUpdated).toBeNull();
  expect((await client.call('VacationResponse/get', { ids: null })).list[0]).toMatchObject({ subject, textBody });
  const injected = await client.call('VacationResponse/set', {
    update: { singleton: { subject: 'x\r\nBcc: victim@example.com' } },
  });
  expect(injected.notUpdated?.singleton?.type).toBe('invalidProperties');
  await client.call('VacationResponse/set', { update: { singleton: { isEnabled: false } } });
});

test('structures without end are read to an end: depth, parts, encodings, parameters, references', async () => {
  const nested = (depth: number): string => {
    let text = '';
    for (let n = 0; n < depth; n += 1) text += `Content-Type: multipart/mixed; boundary="b${n}"\r\n\r\n--b${n}\r\n`;
    return `${text}Content-Type: text/plain\r\n\r\nat the bottom\r\n`;
  };
  const continued = Array.from({ length: 3_000 }, (_, n) => `;\r\n filename*${n}*=%41`).join('');
  const hostile: Record<string, string> = {
    deep: nested(1_500),
    parts: `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(20_000)}--b--\r\n`,
    unclosed: `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n'.repeat(5_000)}`,
    continued: `Content-Type: text/plain\r\nContent-Disposition: attachment${continued}\r\n\r\nx\r\n`,
    encoded: `Subject: ${'=?UTF-8?Q?=3D=3FUTF-8=3FQ=3F?='.repeat(20)}\r\nContent-Type: text/html; charset=utf-7\r\nContent-Transfer-Encoding: base64\r\n\r\n${'A=A='.repeat(50_000)}\r\n`,
    quoted:
      `Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${'='.repeat(900)}\r\n`.repeat(3),
    references: `References: ${'<a@b> '.repeat(100)}\r\n${`References: ${'<'.repeat(500)}\r\n`.repeat(20)}\r\nx\r\n`,
  };
  for (const [name, text] of Object.entries(hostile)) {
    await sendOctets(
      stack,
      [USER],
      Buffer.from(`From: a@b.example\r\nX-Hostile: ${name}\r\nMIME-Version: 1.0\r\n${text}`),
    );
    const { ids } = await client.call('Email/query', { filter: { header: ['X-Hostile', name] } });
    expect([name, ids.length]).toEqual([name, 1]);
    const properties = ['bodyStructure', 'bodyValues', 'textBody', 'htmlBody', 'attachments', 'preview', 'subject'];
    const shown = { properties, fetchAllBodyValues: true, maxBodyValueBytes: 100_000 };
    const { list } = await client.call('Email/get', { ids, ...shown });
    expect([name, list.length]).toEqual([name, 1]);
    const parsed = await client.call('Email/parse', { blobIds: [ids[0]], ...shown });
    expect([name, Object.keys(parsed.parsed ?? {}).length + (parsed.notParsable ?? []).length]).toEqual([name, 1]);
  }
  // Nobody else has waited, and nothing has died.
  expect((await client.http('/session')).status).toBe(200);
}, 120_000);

test('a session is one’s own: signing in makes a new one, and leaves nothing of the one before', async () => {
  const person = new WebClient(stack);
  await person.signIn('user2@domain1.example');
  const [before, watch] = [person.cookies.get('__Host-postern'), person.cookies.get('__Host-postern-watch')];
  const { session } = (await person.http('/session')).json();
  await person.signIn('user3@domain1.example');
  expect(person.cookies.get('__Host-postern')).not.toBe(before);
  expect(person.cookies.get('__Host-postern-watch')).not.toBe(watch);
  expect((await person.http('/session')).json()).toMatchObject({ user: 'user3@domain1.example' });
  expect((await person.http('/session')).json().session).not.toBe(session);
  // A cookie of one session beside that of another gives the rights of neither to the other.
  person.setCookie('__Host-postern-watch', watch ?? '');
  expect((await person.http('/sessions')).json().sessions.map(({ id }: Json) => id)).not.toContain(session);
  person.close();
});

test('whoever has the session and not the password changes nothing about signing in', async () => {
  const set = await client.call('Setting/set', {
    update: {
      'app-password/stolen': JSON.stringify({
        label: 'x',
        services: ['imap'],
        appPassword: 'x',
        password: '',
        code: '',
      }),
      'second-factor': JSON.stringify({ off: true, password: 'wrong', code: '' }),
      'token/mine': '{}',
    },
  });
  expect(set.updated).toEqual([]);
  expect(Object.keys(set.notUpdated).sort()).toEqual(['app-password/stolen', 'second-factor', 'token/mine']);
  expect((await client.call('Setting/get', { names: ['app-password'] })).list).toEqual([]);
});
