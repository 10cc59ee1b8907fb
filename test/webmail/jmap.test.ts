import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EventFeed, type Json, USING, WebClient } from '../support/jmap.ts';
import { sendOctets } from '../support/mailbox.ts';
import { startStack, type TestStack } from '../support/stack.ts';

/** JMAP over the running stack: what RFC 8620 and RFC 8621 show by example, and what a second client sees of it. */
const USER = 'user1@domain1.example';
let stack: TestStack;
let client: WebClient;
beforeAll(async () => {
  stack = await startStack({ withWebmail: true, directory: 'embedded' });
  client = new WebClient(stack);
  await client.signIn(USER);
}, 120_000);
afterAll(async () => {
  client?.close();
  await stack?.stop();
}, 60_000);

const deliver = (subject: string, body = 'text\r\n', more = ''): Promise<unknown> =>
  sendOctets(
    stack,
    [USER],
    Buffer.from(
      `From: Jane Doe <jane@elsewhere.example>\r\nTo: ${USER}\r\nSubject: ${subject}\r\nMessage-ID: <${subject.replace(/\W+/g, '-')}@elsewhere.example>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n${more}\r\n${body}`,
    ),
  );

/** The newest email with this subject, when it has come in. */
async function emailOf(
  subject: string,
  properties: readonly string[] = ['id', 'threadId', 'mailboxIds', 'keywords'],
  from = client,
): Promise<Json> {
  const [, [, got] = ['', {} as Json]] = await from.request([
    [
      'Email/query',
      { filter: { subject: `"${subject}"` }, sort: [{ property: 'receivedAt', isAscending: false }], limit: 1 },
      '0',
    ],
    ['Email/get', { '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties }, '1'],
  ]);
  return got.list[0];
}

describe('RFC 8620', () => {
  test('the session resource tells capabilities, the account and the addresses', async () => {
    const session = (await client.http('/.well-known/jmap')).json();
    expect(Object.keys(session.capabilities)).toEqual(expect.arrayContaining(USING));
    expect(session.capabilities['urn:ietf:params:jmap:core'].maxObjectsInGet).toBeGreaterThanOrEqual(500);
    expect(session.accounts[client.accountId]).toMatchObject({ name: USER, isPersonal: true, isReadOnly: false });
    expect(session.primaryAccounts['urn:ietf:params:jmap:mail']).toBe(client.accountId);
    expect(session.uploadUrl).toContain('{accountId}');
    for (const part of ['{accountId}', '{blobId}', '{type}', '{name}']) expect(session.downloadUrl).toContain(part);
  });

  test('§4 Core/echo; §3.4.1 a request whose second method is unknown', async () => {
    const answer = await client.post('/jmap/api', {
      using: ['urn:ietf:params:jmap:core'],
      methodCalls: [
        ['Core/echo', { hello: true, high: 5 }, 'b3ff'],
        ['Foo/get', {}, 'c3'],
        ['Mailbox/get', { accountId: client.accountId, ids: null }, 'c4'],
      ],
    });
    expect(answer.json().methodResponses).toEqual([
      ['Core/echo', { hello: true, high: 5 }, 'b3ff'],
      ['error', { type: 'unknownMethod' }, 'c3'],
      // Not in `using`.
      ['error', { type: 'unknownMethod' }, 'c4'],
    ]);
  });

  test('§3.6.1 requests that are refused as a whole', async () => {
    const refused = async (body: string, contentType = 'application/json'): Promise<string> => {
      const headers = { origin: client.origin, 'content-type': contentType };
      const answer = await client.http('/jmap/api', { method: 'POST', headers, body });
      expect(answer.status).toBe(400);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      const { type, limit } = answer.json();
      return `${String(type).replace('urn:ietf:params:jmap:error:', '')}${limit === undefined ? '' : ` ${limit}`}`;
    };
    expect(await refused('{"using":')).toBe('notJSON');
    expect(await refused('{"using":[],"methodCalls":[]}', 'text/plain')).toBe('notJSON');
    expect(await refused('{"using":[],"methodCalls":{}}')).toBe('notRequest');
    expect(await refused('{"using":["https://example.com/apis/foobar"],"methodCalls":[]}')).toBe('unknownCapability');
    const many = Array.from({ length: 40 }, (_, n) => ['Core/echo', {}, String(n)]);
    expect(await refused(JSON.stringify({ using: [], methodCalls: many }))).toBe('limit maxCallsInRequest');
    expect(await refused(`"${'x'.repeat(11_000_000)}"`)).toBe('limit maxSizeRequest');
  });

  test('§3.6.2, §3.7 methods that fail: arguments, accounts, references', async () => {
    const errors = await client.request([
      ['Email/get', { ids: 'E1' }, 'a'],
      ['Email/get', { ids: [], properties: ['header:From:asDate'] }, 'b'],
      ['Email/get', { accountId: 'nobody', ids: [] }, 'c'],
      ['Email/get', { '#ids': { resultOf: 'x', name: 'Email/query', path: '/ids' } }, 'd'],
      ['Email/get', { ids: [], '#ids': { resultOf: 'a', name: 'error', path: '/type' } }, 'e'],
      ['Email/query', { unknown: 1 }, 'f'],
      ['Email/query', { filter: { inMailbox: 'M1', nonsense: true } }, 'g'],
      ['Email/query', { sort: [{ property: 'colour' }] }, 'h'],
      ['Email/changes', { sinceState: 'unknown' }, 'i'],
      ['Email/query', { anchor: 'E999999' }, 'j'],
    ]);
    expect(errors.map(([name, { type }]) => [name, type])).toEqual(
      [
        ...['invalidArguments', 'invalidArguments', 'accountNotFound', 'invalidResultReference', 'invalidArguments'],
        ...['invalidArguments', 'invalidArguments', 'unsupportedSort', 'cannotCalculateChanges', 'anchorNotFound'],
      ].map((type) => ['error', type]),
    );
  });
});

describe('RFC 8621 §4.10: the walk through an inbox', () => {
  let state: string;
  let queryState: string;
  const listing = (filter: Json) =>
    [
      [
        'Email/query',
        {
          filter,
          sort: [{ property: 'receivedAt', isAscending: false }],
          collapseThreads: true,
          position: 0,
          limit: 30,
          calculateTotal: true,
        },
        '0',
      ],
      ['Email/get', { '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties: ['threadId'] }, '1'],
      ['Thread/get', { '#ids': { resultOf: '1', name: 'Email/get', path: '/list/*/threadId' } }, '2'],
      [
        'Email/get',
        {
          '#ids': { resultOf: '2', name: 'Thread/get', path: '/list/*/emailIds' },
          properties: [
            'threadId',
            'mailboxIds',
            'keywords',
            'hasAttachment',
            'from',
            'subject',
            'receivedAt',
            'size',
            'preview',
          ],
        },
        '3',
      ],
    ] as [string, Json, string][];

  test('four calls in one request list the newest threads', async () => {
    await deliver('The Big Reveal');
    await deliver(
      'Re: The Big Reveal',
      'answer\r\n',
      'In-Reply-To: <The-Big-Reveal@elsewhere.example>\r\nReferences: <The-Big-Reveal@elsewhere.example>\r\n',
    );
    await deliver('Something else');
    const { inbox = '' } = await client.roles();
    const [query, , threads, emails] = await client.request(listing({ inMailbox: inbox }));
    expect(query?.[1]).toMatchObject({ position: 0, total: 2, canCalculateChanges: true });
    expect(threads?.[1].list.map((thread: Json) => thread.emailIds.length)).toEqual([1, 2]);
    const subjects = emails?.[1].list.map((email: Json) => email.subject);
    expect(subjects).toEqual(['Something else', 'The Big Reveal', 'Re: The Big Reveal']);
    expect(emails?.[1].list[1]).toMatchObject({
      from: [{ name: 'Jane Doe', email: 'jane@elsewhere.example' }],
      mailboxIds: { [inbox]: true },
      keywords: {},
      hasAttachment: false,
      preview: 'text',
    });
    state = emails?.[1].state;
    queryState = query?.[1].queryState;
  });

  test('another client marks as read, deletes, gets mail: Email/changes and Email/queryChanges bring the first into step', async () => {
    const other = new WebClient(stack);
    await other.signIn(USER);
    const { inbox = '', trash = '' } = await client.roles();
    const read = await emailOf('Something else', ['id'], other);
    const gone = await emailOf('Re: The Big Reveal', ['id'], other);
    const set = await other.call('Email/set', {
      update: {
        [read.id]: { 'keywords/$seen': true },
        [gone.id]: { mailboxIds: { [trash]: true } },
      },
    });
    expect(set.updated).toEqual({ [read.id]: null, [gone.id]: null });
    await deliver('Fresh mail');
    const fresh = await emailOf('Fresh mail');
    const [changes, queryChanges] = await client.request([
      ['Email/changes', { sinceState: state, maxChanges: 50 }, '3'],
      [
        'Email/queryChanges',
        {
          filter: { inMailbox: inbox },
          sort: [{ property: 'receivedAt', isAscending: false }],
          collapseThreads: true,
          sinceQueryState: queryState,
          maxChanges: 25,
          calculateTotal: true,
        },
        '11',
      ],
    ]);
    expect(changes?.[1]).toMatchObject({ oldState: state, hasMoreChanges: false, created: [fresh.id], destroyed: [] });
    expect([...(changes?.[1].updated ?? [])].sort()).toEqual([read.id, gone.id].sort());
    expect(queryChanges?.[1]).toMatchObject({ total: 3 });
    expect(queryChanges?.[1].added[0]).toEqual({ id: fresh.id, index: 0 });
    expect(queryChanges?.[1].removed).toContain(read.id);
    const destroyed = await other.call('Email/set', { destroy: [gone.id] });
    expect(destroyed.destroyed).toEqual([gone.id]);
    expect(await client.call('Email/changes', { sinceState: changes?.[1].newState })).toMatchObject({
      destroyed: [gone.id],
    });
    other.close();
  });

  test('a draft is saved, replaced by one with HTML, and what is stored says what was written', async () => {
    const { drafts = '' } = await client.roles();
    const common = {
      mailboxIds: { [drafts]: true },
      keywords: { $seen: true, $draft: true },
      from: [{ name: 'Joe Bloggs', email: 'joe@example.com' }],
      subject: 'World domination',
      sentAt: '2018-07-10T11:03:11+10:00',
    };
    const first = await client.call('Email/set', {
      create: {
        k192: {
          ...common,
          receivedAt: '2018-07-10T01:03:11Z',
          bodyStructure: { type: 'text/plain', partId: 'bd48', 'header:Content-Language': 'en' },
          bodyValues: { bd48: { value: 'I have the most brilliant plan.', isTruncated: false } },
        },
      },
    });
    const id = first.created.k192.id;
    expect(Object.keys(first.created.k192).sort()).toEqual(['blobId', 'id', 'size', 'threadId']);
    const source = (
      await client.http(`/jmap/download/${client.accountId}/${first.created.k192.blobId}/draft.eml`)
    ).body.toString();
    expect(source).toContain('Date: Tue, 10 Jul 2018 11:03:11 +1000\r\n');
    expect(source).toMatch(/^From: Joe Bloggs <joe@example\.com>\r$/m);
    expect(source).toContain('Content-Language: en\r\n');
    expect(source.length).toBe(first.created.k192.size);
    const second = await client.call('Email/set', {
      create: {
        k1546: {
          ...common,
          to: [{ name: 'Jöhn', email: 'john@example.com' }],
          bodyStructure: {
            type: 'multipart/alternative',
            subParts: [
              { partId: 'a49d', type: 'text/html', 'header:Content-Language': 'en' },
              { partId: 'bd48', type: 'text/plain', 'header:Content-Language': 'en' },
            ],
          },
          bodyValues: { bd48: { value: 'the plan is größer' }, a49d: { value: '<div>the <b>plan</b></div>' } },
        },
      },
      destroy: [id],
    });
    expect(second.destroyed).toEqual([id]);
    const { list } = await client.call('Email/get', {
      ids: [second.created.k1546.id],
      properties: ['to', 'receivedAt', 'keywords', 'bodyStructure', 'bodyValues', 'htmlBody', 'textBody'],
      bodyProperties: ['partId', 'type', 'header:Content-Language:asText'],
      fetchAllBodyValues: true,
    });
    expect(list[0]).toMatchObject({
      to: [{ name: 'Jöhn', email: 'john@example.com' }],
      keywords: { $seen: true, $draft: true },
      bodyStructure: {
        type: 'multipart/alternative',
        subParts: [
          { partId: '1', type: 'text/html', 'header:Content-Language:asText': 'en' },
          { partId: '2', type: 'text/plain' },
        ],
      },
      htmlBody: [{ partId: '1' }],
      textBody: [{ partId: '2' }],
    });
    expect(list[0].bodyValues['2'].value.trim()).toBe('the plan is größer');
  });
});

describe('what JMAP says of a message', () => {
  test('RFC 8621 §4.1.2: a field in each of its forms', async () => {
    await deliver(
      'forms =?UTF-8?Q?gr=C3=B6=C3=9Fer?=',
      'text\r\n',
      'Cc: "  James Smythe" <james@example.com>, Friends:\r\n  jane@example.com, =?UTF-8?Q?John_Sm=C3=AEth?=\r\n  <john@example.com>;\r\nList-Post: <mailto:partytime@lists.example.com> (Postings)\r\nReceived-Note: one\r\nReceived-Note: two\r\n',
    );
    const [email] = (
      await client.call('Email/get', {
        ids: [(await emailOf('forms größer')).id],
        properties: [
          'subject',
          'cc',
          'sender',
          'sentAt',
          'messageId',
          'header:cc:asGroupedAddresses',
          'header:List-POST:asURLs',
          'header:Received-Note:all',
          'header:received-note',
          'header:X-None:all',
          'header:X-None',
        ],
      })
    ).list;
    expect(email).toMatchObject({
      subject: 'forms größer',
      sender: null,
      sentAt: '2026-11-21T10:00:00Z',
      cc: [
        { name: 'James Smythe', email: 'james@example.com' },
        { name: null, email: 'jane@example.com' },
        { name: 'John Smîth', email: 'john@example.com' },
      ],
      'header:cc:asGroupedAddresses': [
        { name: null, addresses: [{ name: 'James Smythe', email: 'james@example.com' }] },
        {
          name: 'Friends',
          addresses: [
            { name: null, email: 'jane@example.com' },
            { name: 'John Smîth', email: 'john@example.com' },
          ],
        },
      ],
      'header:List-POST:asURLs': ['mailto:partytime@lists.example.com'],
      'header:Received-Note:all': [' one', ' two'],
      'header:received-note': ' two',
      'header:X-None:all': [],
      'header:X-None': null,
    });
  });

  test('attachments: uploaded, written, listed, downloaded decoded, parsed when they are messages; hasAttachment is found', async () => {
    const { drafts = '' } = await client.roles();
    const file = Buffer.from(`<html><body>${'file <p>'.repeat(5_000)}</body></html>`);
    const upload = (await client.upload(file, 'text/html')).json();
    expect(upload).toMatchObject({ accountId: client.accountId, size: file.length });
    const inner = 'From: inner@example.com\r\nSubject: inside\r\n\r\ninner text\r\n';
    const message = (await client.upload(inner, 'message/rfc822')).json();
    const made = await client.call('Email/set', {
      create: {
        a: {
          mailboxIds: { [drafts]: true },
          subject: 'with files',
          textBody: [{ partId: 't', type: 'text/plain' }],
          bodyValues: { t: { value: 'see there' } },
          attachments: [
            { blobId: upload.blobId, type: 'text/html', name: 'Prüfung "1".html' },
            { blobId: message.blobId, type: 'message/rfc822', name: 'inner.eml' },
          ],
        },
        b: { mailboxIds: { [drafts]: true }, attachments: [{ blobId: 'Unone', type: 'image/png' }] },
      },
    });
    expect(made.notCreated.b).toEqual({ type: 'blobNotFound', notFound: ['Unone'] });
    const { list } = await client.call('Email/get', {
      ids: [made.created.a.id],
      properties: ['attachments', 'hasAttachment'],
    });
    const [html, eml] = list[0].attachments;
    expect(html).toMatchObject({
      name: 'Prüfung "1".html',
      size: file.length,
      type: 'text/html',
      disposition: 'attachment',
    });
    const download = await client.http(
      `/jmap/download/${client.accountId}/${html.blobId}/${encodeURIComponent('a/../"b.html')}?type=text/html`,
    );
    expect(download.body.equals(file)).toBe(true);
    expect(download.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': "attachment; filename*=UTF-8''a_.._%22b.html",
      'x-content-type-options': 'nosniff',
    });
    expect(download.headers['content-security-policy']).toContain('sandbox');
    const parsed = await client.call('Email/parse', {
      blobIds: [eml.blobId, message.blobId, 'E1_99', upload.blobId],
      fetchTextBodyValues: true,
    });
    expect(parsed.parsed[eml.blobId]).toMatchObject({
      subject: 'inside',
      from: [{ email: 'inner@example.com' }],
      bodyValues: { 1: { value: 'inner text\n' } },
    });
    expect(parsed.parsed[message.blobId].subject).toBe('inside');
    expect(parsed.notFound).toEqual(['E1_99']);
    const found = await client.call('Email/query', { filter: { inMailbox: drafts, hasAttachment: true } });
    expect(found.ids).toEqual([made.created.a.id]);
  });

  test('import keeps every octet', async () => {
    const { archive = '' } = await client.roles();
    const octets = Buffer.from(
      'From: a@example.com\r\nSubject: imported\r\nX-Odd:\tvalue  \r\n\r\nline\r\n\xff\xfe 8-bit\r\n',
      'latin1',
    );
    const { blobId } = (await client.upload(octets)).json();
    const answer = await client.call('Email/import', {
      emails: {
        i: {
          blobId,
          mailboxIds: { [archive]: true },
          keywords: { $flagged: true },
          receivedAt: '2020-01-02T03:04:05Z',
        },
        j: { blobId: 'Unone', mailboxIds: { [archive]: true } },
      },
    });
    expect(answer.notCreated.j.type).toBe('invalidProperties');
    const { id } = answer.created.i;
    expect((await client.http(`/jmap/download/${client.accountId}/${id}/x`)).body.equals(octets)).toBe(true);
    const { list } = await client.call('Email/get', { ids: [id], properties: ['receivedAt', 'keywords', 'size'] });
    expect(list[0]).toEqual({
      id,
      receivedAt: '2020-01-02T03:04:05Z',
      keywords: { $flagged: true },
      size: octets.length,
    });
  });

  test('search: words, phrases, fields, operators, over all mailboxes; snippets mark what was found, as HTML that is safe', async () => {
    await deliver('needle <b>in</b> a haystack', 'the quick brown <script>fox</script> jumps\r\n');
    const id = (await emailOf('needle')).id;
    const ids = async (filter: Json): Promise<string[]> => (await client.call('Email/query', { filter })).ids;
    expect(await ids({ text: 'quick haystack' })).toEqual([id]);
    expect(await ids({ body: '"quick brown"' })).toEqual([id]);
    expect(await ids({ body: '"brown quick"' })).toEqual([]);
    expect(await ids({ from: 'jane', subject: 'needle', notKeyword: '$seen' })).toEqual([id]);
    expect(
      await ids({
        operator: 'AND',
        conditions: [{ subject: 'needle' }, { operator: 'NOT', conditions: [{ from: 'jane' }] }],
      }),
    ).toEqual([]);
    expect(await ids({ header: ['Subject', 'needle'] })).toEqual([id]);
    const snippet = await client.call('SearchSnippet/get', { emailIds: [id], filter: { text: 'needle fox' } });
    expect(snippet.list[0].subject).toBe('<mark>needle</mark> &lt;b&gt;in&lt;/b&gt; a haystack');
    expect(snippet.list[0].preview).toContain('<mark>fox</mark>');
    expect(snippet.list[0].preview).not.toContain('<script');
  });
});

describe('mailboxes', () => {
  test('are made, nested, renamed, given a role, emptied and removed; each refusal has its type', async () => {
    const made = await client.call('Mailbox/set', {
      create: {
        a: { name: 'Projekte größer' },
        b: { name: 'Älter', parentId: '#a' },
        c: { name: 'a/b' },
        d: { name: 'x', parentId: 'M99999' },
      },
    });
    const { a, b } = made.created;
    expect(made.notCreated).toMatchObject({
      c: { type: 'invalidProperties', properties: ['name'] },
      d: { type: 'invalidProperties', properties: ['parentId'] },
    });
    const before = (await client.call('Mailbox/get', { ids: [] })).state;
    const renamed = await client.call('Mailbox/set', {
      update: { [a.id]: { name: 'Projects' }, [b.id]: { isSubscribed: false } },
    });
    expect(renamed.updated).toEqual({ [a.id]: null, [b.id]: null });
    const { list } = await client.call('Mailbox/get', {
      ids: [a.id, b.id],
      properties: ['name', 'parentId', 'isSubscribed'],
    });
    expect(list).toEqual([
      { id: a.id, name: 'Projects', parentId: null, isSubscribed: true },
      { id: b.id, name: 'Älter', parentId: a.id, isSubscribed: false },
    ]);
    const changes = await client.call('Mailbox/changes', { sinceState: before });
    expect(changes.updated).toEqual(expect.arrayContaining([a.id, b.id]));
    const { inbox = '' } = await client.roles();
    await deliver('for the project');
    const email = await emailOf('for the project');
    await client.call('Email/set', { update: { [email.id]: { [`mailboxIds/${b.id}`]: true } } });
    expect((await emailOf('for the project')).mailboxIds).toEqual({ [inbox]: true, [b.id]: true });
    const refused = await client.call('Mailbox/set', { destroy: [a.id, b.id, inbox] });
    expect(refused.notDestroyed).toMatchObject({
      [a.id]: { type: 'mailboxHasChild' },
      [b.id]: { type: 'mailboxHasEmail' },
      [inbox]: { type: 'forbidden' },
    });
    const removed = await client.call('Mailbox/set', { destroy: [b.id, a.id], onDestroyRemoveEmails: true });
    expect(removed.destroyed).toEqual([b.id, a.id]);
    expect((await emailOf('for the project')).mailboxIds).toEqual({ [inbox]: true });
  });

  test('Mailbox/query sorts as a tree and filters by role', async () => {
    const { ids } = await client.call('Mailbox/query', {
      filter: { hasAnyRole: true },
      sort: [{ property: 'sortOrder' }],
      sortAsTree: true,
    });
    const { list } = await client.call('Mailbox/get', { ids, properties: ['role'] });
    expect(list.map(({ role }: Json) => role)).toEqual(['inbox', 'drafts', 'sent', 'archive', 'junk', 'trash']);
  });
});

describe('sending', () => {
  test('an email goes by the Outbox to all recipients, Bcc unseen, and lies once in Sent', async () => {
    const { drafts = '', sent = '' } = await client.roles();
    const responses = await client.request([
      [
        'Email/set',
        {
          create: {
            k: {
              mailboxIds: { [drafts]: true },
              keywords: { $draft: true },
              from: [{ email: USER }],
              to: [{ email: 'user2@domain1.example' }],
              bcc: [{ email: 'user3@domain1.example' }],
              subject: 'by the outbox',
              textBody: [{ partId: 't' }],
              bodyValues: { t: { value: 'hello' } },
            },
          },
        },
        '0',
      ],
      [
        'EmailSubmission/set',
        {
          create: { s: { identityId: 'default', emailId: '#k' } },
          onSuccessUpdateEmail: {
            '#s': { [`mailboxIds/${drafts}`]: null, [`mailboxIds/${sent}`]: true, 'keywords/$draft': null },
          },
        },
        '1',
      ],
    ]);
    expect(responses.map(([name]) => name)).toEqual(['Email/set', 'EmailSubmission/set', 'Email/set']);
    const id = responses[1]?.[1].created.s.id;
    for (const name of ['user2', 'user3']) {
      const other = new WebClient(stack);
      await other.signIn(`${name}@domain1.example`);
      await expect
        .poll(async () => (await other.call('Email/query', { filter: { subject: '"by the outbox"' } })).ids.length, {
          timeout: 60_000,
        })
        .toBe(1);
      const email = await emailOf('by the outbox', ['bcc', 'to'], other);
      expect(email).toMatchObject({ bcc: null, to: [{ email: 'user2@domain1.example' }] });
      other.close();
    }
    const submission = (await client.call('EmailSubmission/get', { ids: [id] })).list[0];
    expect(submission).toMatchObject({ undoStatus: 'final', emailId: responses[0]?.[1].created.k.id });
    expect(
      (await client.call('Email/query', { filter: { inMailbox: sent, subject: '"by the outbox"' } })).ids,
    ).toHaveLength(1);
    const completion = await client.call('Recipient/query', { text: 'user' });
    expect(completion.list.map(({ email }: Json) => email).sort()).toEqual([
      'user2@domain1.example',
      'user3@domain1.example',
    ]);
  });

  test('what waits can be undone; a sender of another one is refused', async () => {
    const { drafts = '' } = await client.roles();
    const draft = {
      mailboxIds: { [drafts]: true },
      from: [{ email: USER }],
      to: [{ email: 'user2@domain1.example' }],
      subject: 'undone',
      textBody: [{ partId: 't' }],
      bodyValues: { t: { value: 'no' } },
    };
    const envelope = (email: string, parameters: Json | null) => ({
      mailFrom: { email, parameters },
      rcptTo: [{ email: 'user2@domain1.example' }],
    });
    const [, sent] = await client.request([
      ['Email/set', { create: { k: draft } }, '0'],
      [
        'EmailSubmission/set',
        {
          create: {
            later: { identityId: 'default', emailId: '#k', envelope: envelope(USER, { HOLDFOR: '3600' }) },
            forged: { identityId: 'default', emailId: '#k', envelope: envelope('user3@domain1.example', null) },
            nobody: { identityId: 'default', emailId: '#k', envelope: { mailFrom: { email: USER }, rcptTo: [] } },
          },
        },
        '1',
      ],
    ]);
    expect(sent?.[1].notCreated).toMatchObject({
      forged: { type: 'forbiddenMailFrom' },
      nobody: { type: 'noRecipients' },
    });
    const later: Json = sent?.[1].created.later;
    const { id, undoStatus } = later;
    expect(undoStatus).toBe('pending');
    const undone = await client.call('EmailSubmission/set', { update: { [id]: { undoStatus: 'canceled' } } });
    expect(undone.updated).toEqual({ [id]: null });
    expect((await client.call('EmailSubmission/get', { ids: [id] })).list[0].undoStatus).toBe('canceled');
    expect(
      (await client.call('EmailSubmission/set', { update: { [id]: { undoStatus: 'canceled' } } })).notUpdated[id].type,
    ).toBe('cannotUnsend');
  });

  test('identities, vacation and settings are kept by the store', async () => {
    const made = await client.call('Identity/set', {
      create: { i: { name: 'Info', email: 'info@domain1.example', textSignature: '-- \nInfo' } },
      update: { default: { name: 'Me' } },
    });
    expect(Object.keys(made.created)).toEqual(['i']);
    expect((await client.call('Identity/set', { destroy: ['default'] })).notDestroyed.default.type).toBe('forbidden');
    const { list } = await client.call('Identity/get', { ids: null });
    expect(list).toMatchObject([
      { id: 'default', name: 'Me', email: USER, mayDelete: false },
      { name: 'Info', email: 'info@domain1.example', mayDelete: true },
    ]);
    await client.call('VacationResponse/set', {
      update: { singleton: { isEnabled: true, textBody: 'Away', toDate: '2030-01-01T00:00:00Z' } },
    });
    expect((await client.call('VacationResponse/get', { ids: null })).list).toMatchObject([
      { id: 'singleton', isEnabled: true, textBody: 'Away', toDate: '2030-01-01T00:00:00Z' },
    ]);
    await client.call('VacationResponse/set', { update: { singleton: { isEnabled: false } } });
    const set = await client.call('Setting/set', {
      update: { preferences: '{"theme":"dark"}', 'sieve/mine': 'keep;\nnonsense', 'token/x': 'y' },
    });
    expect(set).toMatchObject({
      updated: ['preferences'],
      notUpdated: { 'sieve/mine': { type: 'invalidProperties' }, 'token/x': { type: 'notFound' } },
    });
    expect(set.notUpdated['sieve/mine'].description).toMatch(/line 2/);
    expect((await client.call('Setting/get', { names: ['preferences'] })).list).toEqual([
      { name: 'preferences', value: '{"theme":"dark"}' },
    ]);
  });

  test('a quota is told where there is one', async () => {
    const small = new WebClient(stack);
    await small.signIn('small@domain2.example');
    const { list } = await small.call('Quota/get', { ids: null });
    expect(list[0]).toMatchObject({ id: 'storage', resourceType: 'octets', scope: 'account' });
    expect(list[0].hardLimit).toBeGreaterThan(100_000);
    const { drafts = '' } = await small.roles();
    const { blobId } = (await small.upload(`Subject: big\r\n\r\n${'x'.repeat(300_000)}`)).json();
    const answer = await small.call('Email/import', { emails: { i: { blobId, mailboxIds: { [drafts]: true } } } });
    expect(answer.notCreated.i.type).toBe('overQuota');
    small.close();
  });
});

describe('push', () => {
  test('an event comes after a delivery, with the states that the API tells', async () => {
    const cookie = `__Host-postern-watch=${client.cookies.get('__Host-postern-watch')}`;
    const feed = await EventFeed.open(stack, cookie, 'types=*&closeafter=no&ping=0');
    await feed.next(({ event }) => event === 'state');
    const start = performance.now();
    await deliver('pushed');
    const { data } = await feed.next(({ event }) => event === 'state');
    console.log(`push came ${Math.round(performance.now() - start)} ms after the delivery began`);
    const states = data.changed[client.accountId];
    const [mailboxes, emails] = await client.request([
      ['Mailbox/get', { ids: [] }, '0'],
      ['Email/get', { ids: [] }, '1'],
    ]);
    expect(states).toMatchObject({
      Email: emails?.[1].state,
      Thread: emails?.[1].state,
      Mailbox: mailboxes?.[1].state,
    });
    expect(states.EmailDelivery).toBeDefined();
    feed.close();
  });

  test('closeafter=state ends the stream with the first change; types choose', async () => {
    const cookie = `__Host-postern-watch=${client.cookies.get('__Host-postern-watch')}`;
    const feed = await EventFeed.open(stack, cookie, 'types=Mailbox&closeafter=state&ping=0');
    await deliver('closes');
    const { data } = await feed.next(({ event }) => event === 'state');
    expect(Object.keys(data.changed[client.accountId])).toEqual(['Mailbox']);
    await feed.end();
  });
});

describe('restarts', () => {
  test('the session goes on, and states from before are good: created, updated, destroyed', async () => {
    await deliver('to be destroyed');
    const doomed = await emailOf('to be destroyed');
    const kept = await emailOf('Fresh mail');
    const { state } = await client.call('Email/get', { ids: [] });
    await stack.restart('webmail');
    await client.call('Email/set', { update: { [kept.id]: { 'keywords/$flagged': true } }, destroy: [doomed.id] });
    await deliver('after the restart');
    const fresh = await emailOf('after the restart');
    await stack.restart('webmail');
    const changes = await client.call('Email/changes', { sinceState: state });
    expect(changes).toMatchObject({ created: [fresh.id], updated: [kept.id], destroyed: [doomed.id] });
    await stack.restart('store');
    expect((await client.call('Email/get', { ids: [fresh.id], properties: ['id'] })).list).toHaveLength(1);
  });
});
