import { describe, expect, test } from 'vitest';
import { USING } from '../../support/jmap.ts';
import { client, USER } from './fixture.ts';

/** RFC 8620: the session, requests and what is wrong with them. */
export function describeCore(): void {
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
}
