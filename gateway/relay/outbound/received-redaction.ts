import { isIPv4, isIPv6 } from 'node:net';
import { type FieldRange, fieldValue, hasName, readHeader } from '@postern/shared/message/header.ts';
import { addressGuard } from './address-guard.ts';
import { matchesDomain } from './domain-patterns.ts';

const SPECIAL = addressGuard([], []);
const MAX_FIELD_OCTETS = 4_096;

/**
 * The message with the Received fields of hosts inside made silent about names and addresses: each stays as a field with its
 * protocol and date, so that hops are counted as they were (RFC 5321 §6.3). Fields of hosts outside stay as they are.
 *
 * @param internalDomains patterns of names of hosts inside, whatever their addresses
 */
export function withRedactedReceived(
  content: Buffer,
  headerBytes: number,
  internalDomains: readonly string[],
): readonly Buffer[] {
  const { fields } = readHeader(content, 0, headerBytes);
  const internal = fields.filter(
    (field) => hasName(content, field, 'received') && isInternal(content, field, internalDomains),
  );
  if (internal.length === 0) return [content];
  const pieces: Buffer[] = [];
  let from = 0;
  for (const field of internal) {
    pieces.push(
      content.subarray(from, field.start),
      Buffer.from(redacted(fieldValue(content, field, MAX_FIELD_OCTETS))),
    );
    from = field.end;
  }
  return [...pieces, content.subarray(from)];
}

function isInternal(content: Buffer, field: FieldRange, internalDomains: readonly string[]): boolean {
  const value = fieldValue(content, field, MAX_FIELD_OCTETS);
  const literals = [...value.matchAll(/[[(\s](?:IPv6:)?([0-9a-f.:]{3,45})[\])\s]/gi)].map((match) => match[1] ?? '');
  if (literals.some((text) => (isIPv4(text) || isIPv6(text)) && SPECIAL.refuses(text) !== undefined)) return true;
  const names = [...value.matchAll(/\b(?:from|by)\s+([a-z0-9.-]+)/gi)].map((match) => match[1] ?? '');
  // A name without a dot is nobody's outside.
  return names.some((name) => !name.includes('.') || internalDomains.some((pattern) => matchesDomain(pattern, name)));
}

function redacted(value: string): string {
  const protocol = /\bwith\s+([A-Z0-9]{4,12})\b/i.exec(value)?.[1] ?? 'ESMTP';
  const id = /\bid\s+([A-Za-z0-9./+-]{1,64})/.exec(value)?.[1];
  const date = value
    .slice(value.lastIndexOf(';') + 1)
    .trim()
    .slice(0, 60);
  const clause = id === undefined ? '' : ` id ${id}`;
  return `Received: by internal.invalid with ${protocol.toUpperCase()}${clause};\r\n\t${date}\r\n`;
}
