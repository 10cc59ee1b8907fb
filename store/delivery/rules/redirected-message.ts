import type { SieveMessage } from '../../sieve/message.ts';
import { addressText } from '../../sieve/message.ts';
import { textField } from './composed-message.ts';

/** RFC 5321 §6.3: as many hops mean a loop. */
const MAX_HOPS = 50;

/**
 * Whether the message has come round: it was redirected by this account before (Delivered-To, RFC 9228), or has passed through
 * too many hosts.
 */
export function hasComeRound({ header }: SieveMessage, owner: string): boolean {
  if (header.named('received').length > MAX_HOPS) return true;
  return header
    .named('delivered-to')
    .some((field) => header.mailboxesOf(field).some((mailbox) => addressText(mailbox).toLowerCase() === owner));
}

/** What is sent on: the message as it came, without Return-Path (RFC 5321 §4.4), under a mark by which we know it again. */
export function redirectedMessage(message: SieveMessage, owner: string): Buffer {
  const bytes = message.render(textField);
  const returnPath = /^Return-Path:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/i.exec(bytes.toString('latin1', 0, 4_096));
  return Buffer.concat([Buffer.from(`Delivered-To: ${owner}\r\n`), bytes.subarray(returnPath?.[0].length ?? 0)]);
}
