import type { Envelope } from '@postern/shared/smtp/envelope.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';

/** What a server cannot take, because it does not offer what the message needs; undefined when it can. */
export function refusalByOffer(
  offered: ReadonlyMap<string, string>,
  envelope: Envelope,
  { content, bytes }: { readonly content: readonly Buffer[]; readonly bytes: number },
): Reply | undefined {
  // RFC 6531 §3.2: an address beyond ASCII goes by SMTPUTF8 or not at all.
  if (envelope.smtpUtf8 && !offered.has('SMTPUTF8') && needsUtf8(envelope, content)) {
    return reply(550, '5.6.7', 'The mail server takes no internationalised addresses (SMTPUTF8)');
  }
  // RFC 6152 §3: nor 8-bit content to a server that says nothing of it; what is 7-bit all the same may go.
  if (envelope.body === '8BITMIME' && !offered.has('8BITMIME') && !content.every(isSevenBit)) {
    return reply(554, '5.6.3', 'The mail server takes no 8-bit content (8BITMIME)');
  }
  // RFC 1870 §3, §6.1: 0 and no number say nothing.
  const limit = Number(offered.get('SIZE') ?? 0);
  if (limit > 0 && bytes > limit) {
    return reply(552, '5.3.4', `The mail server takes messages of ${limit} octets at most`);
  }
  return undefined;
}

function needsUtf8({ reversePath, recipients }: Envelope, content: readonly Buffer[]): boolean {
  const addresses = [reversePath, ...recipients.map((r) => r.address)];
  if (addresses.some((address) => /[^\x00-\x7f]/.test(address))) return true;
  const [first] = content;
  const headerEnd = first?.indexOf('\r\n\r\n') ?? -1;
  return first !== undefined && !isSevenBit(headerEnd < 0 ? first : first.subarray(0, headerEnd));
}

function isSevenBit(bytes: Buffer): boolean {
  return bytes.every((octet) => octet < 128);
}
