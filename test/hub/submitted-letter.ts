import { expect } from 'vitest';
import type { HubStack } from '../support/hub.ts';

export const SENDER = 'user1@domain1.example';
const FAR = 'friend@far.example';
const NEIGHBOUR = 'user2@domain1.example';

/** Whom a letter is for, with somebody of each kind whom nobody shall see. */
export interface SubmittedLetter {
  readonly to: readonly string[];
  readonly bcc: readonly string[];
}

export const LETTERS: readonly (readonly [to: string, letter: SubmittedLetter])[] = [
  ['a local user', { to: [NEIGHBOUR], bcc: ['user3@domain1.example'] }],
  ['an outside user', { to: [FAR], bcc: ['secret@far.example'] }],
  ['both', { to: [NEIGHBOUR, FAR], bcc: ['user3@domain1.example', 'secret@far.example'] }],
];

export function recipientsOf({ to, bcc }: SubmittedLetter): string[] {
  return [...to, ...bcc];
}

export function letterText({ to, bcc }: SubmittedLetter, subject: string): string {
  return [
    `From: User One <${SENDER}>`,
    `To: ${to.join(', ')}`,
    `Bcc: ${bcc.join(',\r\n ')}`,
    `Subject: ${subject}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    '',
    'Hello,\r\n.a line with a dot',
    '',
  ].join('\r\n');
}

/**
 * What arrives is right for each: local ones have it in their mailboxes, outside ones are one transaction with the relay, all have the
 * same octets with what was missing in the header, and no Bcc anywhere.
 */
export async function expectArrival(stack: HubStack, letter: SubmittedLetter, subject: string): Promise<void> {
  const isLocal = (address: string): boolean => address.endsWith('@domain1.example');
  const local = recipientsOf(letter).filter(isLocal);
  const outside = recipientsOf(letter).filter((address) => !isLocal(address));
  const sources: string[] = [];
  for (const user of local) {
    const source = await stack.arrived(user, `Subject: ${subject}\r\n`);
    expect(source).toMatch(/^Return-Path: <user1@domain1\.example>\r\n/);
    sources.push(source.replace(/^Return-Path: .*\r\n/, ''));
  }
  const relayed = () => stack.relay.messages.filter(({ content }) => content.includes(`Subject: ${subject}\r\n`));
  if (outside.length > 0) {
    const message = await stack.relay.next(({ content }) => content.includes(`Subject: ${subject}\r\n`));
    expect(message.envelope.reversePath).toBe(SENDER);
    expect(message.envelope.recipients.map(({ address }) => address).sort()).toEqual(outside.sort());
    expect(message.deliveryId).toMatch(/^[0-9a-f]{32}$/);
    sources.push(message.content);
  }
  expect(relayed()).toHaveLength(outside.length > 0 ? 1 : 0);
  for (const source of sources) {
    expect(source).toBe(sources[0]);
    expect(source).not.toMatch(/^bcc:/im);
    for (const hidden of letter.bcc) expect(source).not.toContain(hidden);
    expect(source).toMatch(/^Date: \w{3}, /m);
    expect(source).toMatch(/^Message-ID: <[^>@]+@domain1\.example>/im);
    expect(source).toContain(`To: ${letter.to.join(', ')}\r\n`);
  }
  for (const user of [SENDER, NEIGHBOUR, 'user3@domain1.example'].filter((known) => !local.includes(known))) {
    expect(await stack.read(user)).not.toContainEqual(expect.stringContaining(`Subject: ${subject}\r\n`));
  }
}
