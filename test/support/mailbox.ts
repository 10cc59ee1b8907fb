import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import { connectSmtp, type SmtpConnection } from '@postern/shared/smtp/client.ts';
import type { EnvelopeRecipient } from '@postern/shared/smtp/envelope.ts';
import { ImapFlow } from 'imapflow';
import type { Slapd } from './slapd.ts';
import type { TestStack } from './stack.ts';

/** A message as another client than the sender's reads it. */
export interface FetchedMessage {
  readonly uid: number;
  readonly flags: readonly string[];
  /** BODY[], octet for octet. */
  readonly source: Buffer;
}

/** Signs in over IMAPS with imapflow, which nobody here wrote. The password defaults to the local part, as in the sample. */
export async function signInByImap(
  stack: TestStack,
  user: string,
  password?: string,
  host?: string,
): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: host ?? stack.endpoints.imaps.host,
    port: stack.endpoints.imaps.port,
    secure: true,
    tls: { ca: readFileSync(stack.ca), servername: stack.names.store },
    auth: { user, pass: password ?? user.split('@')[0] ?? '' },
    logger: false,
    disableAutoIdle: true,
  });
  await client.connect();
  return client;
}

/** All messages of a mailbox, in order of UID. */
export async function readMailbox(
  stack: TestStack,
  user: string,
  mailbox = 'INBOX',
  host?: string,
): Promise<FetchedMessage[]> {
  const client = await signInByImap(stack, user, undefined, host);
  try {
    await client.mailboxOpen(mailbox, { readOnly: true });
    const messages: FetchedMessage[] = [];
    for await (const { uid, flags, source } of client.fetch('1:*', { uid: true, flags: true, source: true })) {
      messages.push({ uid, flags: [...(flags ?? [])].sort(), source: source ?? Buffer.alloc(0) });
    }
    return messages;
  } finally {
    client.close();
  }
}

/** The messages of a mailbox whose octets contain a text, latin1. */
export async function messagesWith(
  stack: TestStack,
  user: string,
  text: string,
  mailbox?: string,
): Promise<FetchedMessage[]> {
  return (await readMailbox(stack, user, mailbox)).filter(({ source }) => source.includes(text, 0, 'latin1'));
}

/** Asks again until the answer is the wanted one or the deadline has come; returns the last answer, for `expect`. */
export async function eventually<T>(
  ask: () => Promise<T>,
  wanted: (answer: T) => boolean,
  deadlineMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  while (true) {
    const answer = await ask();
    if (wanted(answer) || Date.now() > deadline) return answer;
    await pause(100);
  }
}

const TRACE_FIELDS = ['Return-Path', 'Received', 'Received'] as const;

/**
 * The message as it was sent: without the three fields that the way adds at the top, Return-Path and Received of the store,
 * Received of the gateway. Throws when one of them is not there, so that nothing else is taken away.
 */
export function withoutTrace(source: Buffer): Buffer {
  let at = 0;
  for (const name of TRACE_FIELDS) {
    if (source.toString('latin1', at, at + name.length + 1).toLowerCase() !== `${name.toLowerCase()}:`) {
      throw new Error(`${name} is not where it should be: ${source.toString('latin1', at, at + 80)}`);
    }
    do at = source.indexOf('\r\n', at) + 2;
    while (source[at] === 0x20 || source[at] === 0x09);
  }
  return source.subarray(at);
}

/** Opens a session with the gateway, in plain text, as a stranger. */
export function callGateway(stack: TestStack): Promise<SmtpConnection> {
  const { host, port } = stack.endpoints.smtp;
  return connectSmtp({ host, port, protocol: 'smtp', heloName: 'client.example', tls: { mode: 'none' } });
}

/** Sends one message in a session of its own; the octets go out as they are, dots stuffed. One outcome a recipient. */
export async function sendOctets(
  stack: TestStack,
  recipients: readonly (string | EnvelopeRecipient)[],
  octets: Buffer,
  reversePath = 'sender@elsewhere.example',
): Promise<readonly Outcome[]> {
  const connection = await callGateway(stack);
  try {
    return await connection.send(
      {
        reversePath,
        recipients: recipients.map((one) => (typeof one === 'string' ? { address: one } : one)),
        body: '8BITMIME',
        smtpUtf8: false,
      },
      octets,
    );
  } finally {
    await connection.quit();
  }
}

/** What the gateway says to RCPT, as one line: `550 5.1.1 …`. */
export async function replyToRecipient(stack: TestStack, address: string): Promise<string> {
  const connection = await callGateway(stack);
  try {
    const [outcome] = await connection.probe('sender@elsewhere.example', [address]);
    return outcome === undefined ? '' : `${outcome.reply.code} ${outcome.reply.enhanced} ${outcome.reply.text}`;
  } finally {
    await connection.quit();
  }
}

/** A small message with a subject and Message-ID that no other has. */
export function smallMessage(mark: string): Buffer {
  return Buffer.from(
    `From: Sender <sender@elsewhere.example>\r\nTo: someone@domain1.example\r\nSubject: ${mark}\r\n` +
      `Date: Fri, 17 May 2024 10:20:30 +0200\r\nMessage-ID: <${mark}@elsewhere.example>\r\n\r\nText of ${mark}.\r\n`,
  );
}

/** Adds an active account of domain1.example whose password is its local part; `lines` are further LDIF attributes. */
export function addAccount(slapd: Slapd | undefined, name: string, lines: readonly string[] = []): Promise<void> {
  return addEntry(slapd, `${name}@domain1.example`, [
    'objectClass: JammMailAccount',
    `userPassword: ${name}`,
    ...lines,
  ]);
}

/** Adds an active entry below its domain. */
export async function addEntry(slapd: Slapd | undefined, address: string, lines: readonly string[]): Promise<void> {
  if (slapd === undefined) throw new Error('this stack has no slapd');
  const domain = address.slice(address.indexOf('@') + 1);
  const head = [`dn: mail=${address},jvd=${domain},${slapd.baseDn}`, 'changetype: add', 'objectClass: top'];
  const active = lines.some((line) => line.startsWith('accountActive:')) ? [] : ['accountActive: TRUE'];
  await slapd.modify(`${[...head, `mail: ${address}`, ...active, ...lines].join('\n')}\n`);
}
