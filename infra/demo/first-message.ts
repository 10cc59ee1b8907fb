import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connectSmtp } from '@postern/shared/smtp/client.ts';
import { replyLine } from '@postern/shared/smtp/reply.ts';
import { NAMES } from './certificates.ts';
import { fetchByMessageId } from './imap-reader.ts';
import type { Layout } from './layout.ts';
import { messageOf, Sentence } from './sentence.ts';

export interface FirstMessage {
  readonly messageId: string;
  readonly from: string;
  readonly to: string;
  /** What the gateway answered. */
  readonly reply: string;
  /** Octets of what IMAP gave back: the message as it was sent, and the trace headers above it. */
  readonly fetched: Buffer;
  readonly tookMs: number;
}

const FROM = 'visitor@elsewhere.example';
const READ_BACK_MS = 20_000;

/**
 * Sends one message to a demo account as a stranger on the Internet would (STARTTLS), and reads it back as its user would.
 *
 * @throws Sentence when it is refused, does not arrive, or arrives changed
 */
export async function sendFirstMessage(
  layout: Layout,
  account: { readonly address: string; readonly password: string },
): Promise<FirstMessage> {
  const start = performance.now();
  const ca = readFileSync(layout.at('pki', 'ca.pem'), 'utf8');
  const messageId = `<${randomUUID()}@elsewhere.example>`;
  const message = compose(messageId, account.address);
  const connection = await inWords(
    'The gateway cannot be reached',
    connectSmtp({
      ...layout.endpoints.smtp,
      protocol: 'smtp',
      heloName: 'client.elsewhere.example',
      tls: { mode: 'starttls', ca, serverName: NAMES.public },
    }),
  );
  const [outcome] = await connection.send(
    { reversePath: FROM, recipients: [{ address: account.address }], body: '8BITMIME', smtpUtf8: false },
    message,
  );
  await connection.quit();
  const reply = outcome === undefined ? 'nothing' : replyLine(outcome.reply);
  if (outcome?.kind !== 'delivered')
    throw new Sentence(`The gateway did not take the first message: it answered ${reply}.`);
  const reading = fetchByMessageId(
    {
      ...layout.endpoints.imaps,
      ca,
      serverName: NAMES.store,
      user: account.address,
      password: account.password,
      deadlineMs: READ_BACK_MS,
    },
    messageId,
  );
  const fetched = await inWords(`The first message was answered ${reply}, but cannot be read back`, reading);
  // Invariant 6: what came in by DATA comes out by FETCH BODY[], after the trace headers.
  if (!fetched.subarray(-message.length).equals(message)) {
    throw new Sentence('The first message was read back by IMAP, but not byte for byte as it was sent.');
  }
  return { messageId, from: FROM, to: account.address, reply, fetched, tookMs: performance.now() - start };
}

/** A fault on the way as one sentence: what was tried, and what came of it. */
async function inWords<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Sentence(`${what}: ${messageOf(error).replace(/\.$/, '')}; the logs tell more.`, { cause: error });
  }
}

function compose(messageId: string, to: string): Buffer {
  const lines = [
    `From: A visitor <${FROM}>`,
    `To: <${to}>`,
    'Subject: The first message',
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: ${messageId}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    'This message came in by SMTP at the gateway, crossed to the store by LMTP, lies in the database, and is read by IMAP.',
    'Grüße!',
    '',
  ];
  return Buffer.from(lines.join('\r\n'));
}
