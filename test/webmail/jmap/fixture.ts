import { type Json, WebClient } from '../../support/jmap.ts';
import { sendOctets } from '../../support/mailbox.ts';
import { startStack, type TestStack } from '../../support/stack.ts';

export const USER = 'user1@domain1.example';
/** One stack for all tests of the API, and who has signed in there. */
export let stack: TestStack;
export let client: WebClient;

export async function startJmap(): Promise<void> {
  stack = await startStack({ withWebmail: true, directory: 'embedded' });
  client = new WebClient(stack);
  await client.signIn(USER);
}

export async function stopJmap(): Promise<void> {
  client?.close();
  await stack?.stop();
}

/** A message from outside for {@link USER}. */
export const deliver = (subject: string, body = 'text\r\n', more = ''): Promise<unknown> =>
  sendOctets(
    stack,
    [USER],
    Buffer.from(
      `From: Jane Doe <jane@elsewhere.example>\r\nTo: ${USER}\r\nSubject: ${subject}\r\nMessage-ID: <${subject.replace(/\W+/g, '-')}@elsewhere.example>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n${more}\r\n${body}`,
    ),
  );

/** The newest email with this subject, when it has come in. */
export async function emailOf(
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

/** Delivers a message, and tells of its email. */
export async function delivered(subject: string): Promise<Json> {
  await deliver(subject);
  return emailOf(subject);
}
