import { describe, expect, test } from 'vitest';
import type { Json } from '../../support/jmap.ts';
import { client, deliver, emailOf } from './fixture.ts';

/** What JMAP says of a message, and what is stored of one that was written. */
export function describeMessages(): void {
  describe('what JMAP says of a message', () => {
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
}
