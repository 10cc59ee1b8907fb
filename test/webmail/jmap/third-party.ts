import { readFileSync } from 'node:fs';
import { Agent, request as httpsRequest } from 'node:https';
import { expect, test } from 'vitest';
import type { Json } from '../../support/jmap.ts';
import { client, stack, USER } from './fixture.ts';

/** A JMAP client that nobody here wrote. */
export function describeThirdParty(): void {
  test('a client from npm that nobody here wrote signs in, lists, reads and writes (jmap-jam)', async () => {
    const ca = readFileSync(stack.ca);
    const agent = new Agent({ ca });
    // It brings its own fetch: Node's, which would not know the CA of this stack.
    const fetchWithCa = (input: string | URL | Request, init: RequestInit = {}): Promise<Response> =>
      new Promise((resolve, reject) => {
        const url = input instanceof Request ? input.url : String(input);
        const headers = Object.fromEntries(new Headers(input instanceof Request ? input.headers : init.headers));
        headers.authorization = `Basic ${Buffer.from(`${USER}:user1`).toString('base64')}`;
        const request = httpsRequest(url, { agent, method: init.method ?? 'GET', headers }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve(
              new Response(Buffer.concat(chunks), {
                status: response.statusCode ?? 500,
                headers: { 'content-type': String(response.headers['content-type']) },
              }),
            ),
          );
        });
        request.on('error', reject);
        request.end(typeof init.body === 'string' ? init.body : undefined);
      });
    const original = globalThis.fetch;
    globalThis.fetch = fetchWithCa as typeof fetch;
    try {
      // Its declarations are TypeScript that Node cannot strip: what is used of it is declared below.
      const { default: JamClient } = (await import('jmap-jam' as string)) as { default: JamConstructor };
      const jam = new JamClient({ sessionUrl: `${client.origin}/.well-known/jmap`, bearerToken: 'unused' });
      const accountId = await jam.getPrimaryAccount();
      const [mailboxes] = await jam.api.Mailbox.get({ accountId, ids: null });
      const drafts = mailboxes.list.find(({ role }: Json) => role === 'drafts');
      expect(drafts).toBeDefined();
      const [made] = await jam.api.Email.set({
        accountId,
        create: {
          k: {
            mailboxIds: { [drafts?.id ?? '']: true },
            subject: 'from a stranger’s client',
            bodyValues: { t: { value: 'hello' } },
            textBody: [{ partId: 't', type: 'text/plain' }],
          } as never,
        },
      });
      const id = made.created?.k?.id ?? '';
      const [{ emails }] = await jam.requestMany((t: Json) => {
        const query = t.Email.query({ accountId, filter: { inMailbox: drafts?.id ?? '', subject: 'stranger' } });
        const emails = t.Email.get({ accountId, ids: query.$ref('/ids'), properties: ['id', 'subject'] });
        return { query, emails };
      });
      expect(emails.list).toEqual([{ id, subject: 'from a stranger’s client' }]);
    } finally {
      globalThis.fetch = original;
      agent.destroy();
    }
  });
}

type JamConstructor = new (options: {
  sessionUrl: string;
  bearerToken: string;
}) => {
  getPrimaryAccount(): Promise<string>;
  readonly api: Record<'Mailbox' | 'Email', Record<'get' | 'set', (args: Json) => Promise<[Json]>>>;
  requestMany(build: (drafts: Json) => Json): Promise<[Json]>;
};
