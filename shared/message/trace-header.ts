/**
 * The trace headers that a server puts before a message: Received (RFC 5321 §4.4) at each hop, Return-Path at final
 * delivery. What a client said reaches the header only after everything that could end a token, a line or the header
 * itself has been replaced.
 */

/** Values of the WITH clause: RFC 5321 §4.4, RFC 3848, and with SMTPUTF8 RFC 6531 §4.3. */
export type TransmissionProtocol =
  | 'SMTP'
  | 'ESMTP'
  | 'ESMTPA'
  | 'ESMTPS'
  | 'ESMTPSA'
  | 'LMTP'
  | 'LMTPA'
  | 'LMTPS'
  | 'LMTPSA'
  | 'UTF8SMTP'
  | 'UTF8SMTPA'
  | 'UTF8SMTPS'
  | 'UTF8SMTPSA'
  | 'UTF8LMTP'
  | 'UTF8LMTPA'
  | 'UTF8LMTPS'
  | 'UTF8LMTPSA';

/** What one hop knows of a transaction. */
export interface ReceivedTrace {
  /** The argument of EHLO, HELO or LHLO, as the client gave it. */
  readonly fromHelo: string;
  /** The client's IP address, without brackets; undefined leaves the client out, name and address. */
  readonly fromAddress: string | undefined;
  /** The name that the client's address resolves to and back, when it was looked up. */
  readonly fromReverseName?: string | undefined;
  /** Name of this server. */
  readonly byHost: string;
  readonly withProtocol: TransmissionProtocol;
  /** Written as a comment, when the hop was encrypted. */
  readonly tls?: { readonly version: string; readonly cipher: string } | undefined;
  /** Queue id: the delivery id. */
  readonly id: string;
  /** The one recipient; leave it out when there are several (RFC 5321 §7.2). */
  readonly forRecipient?: string | undefined;
  readonly date: Date;
  /** Minutes east of UTC in which the date is written; the process's own zone by default. */
  readonly zoneOffsetMinutes?: number | undefined;
}

/** RFC 5322 §2.1.1: a line should be no longer, CRLF not counted. */
const PREFERRED_LINE_LENGTH = 78;

/** The Received field of one hop, folded, ending in CRLF. */
export function receivedHeader(trace: ReceivedTrace): string {
  const by = `by ${token(trace.byHost)} with ${trace.withProtocol} id ${token(trace.id)}`;
  const clauses = trace.fromAddress === undefined ? [`Received: ${by}`] : [...fromClause(trace, trace.fromAddress), by];
  if (trace.tls !== undefined) {
    clauses.push(`(using ${token(trace.tls.version)} with cipher ${token(trace.tls.cipher)})`);
  }
  if (trace.forRecipient !== undefined) clauses.push(`for ${path(trace.forRecipient)}`);
  const last = clauses.length - 1;
  clauses[last] += ';';
  clauses.push(dateTime(trace.date, trace.zoneOffsetMinutes ?? -trace.date.getTimezoneOffset()));
  return fold(clauses);
}

function fromClause({ fromHelo, fromReverseName }: ReceivedTrace, address: string): string[] {
  const literal = addressLiteral(address);
  const tcpInfo = fromReverseName === undefined ? literal : `${token(fromReverseName)} ${literal}`;
  return [`Received: from ${token(fromHelo)} (${tcpInfo})`];
}

/**
 * The Return-Path field (RFC 5321 §4.4), ending in CRLF.
 *
 * @param reversePath address without angle brackets; `''` is the null reverse-path
 */
export function returnPathHeader(reversePath: string): string {
  return fold([`Return-Path: ${path(reversePath)}`]);
}

/** A date as RFC 5322 §3.3 writes it, e.g. `Tue, 01 Jul 2025 09:05:07 +0200`. */
function dateTime(date: Date, zoneOffsetMinutes: number): string {
  const local = new Date(date.getTime() + zoneOffsetMinutes * 60_000);
  // `Tue, 01 Jul 2025 07:05:07 GMT` has the form of RFC 5322 but for its zone.
  const withoutZone = local.toUTCString().replace(/ GMT$/, '');
  const minutes = Math.abs(zoneOffsetMinutes);
  const hhmm = String(Math.trunc(minutes / 60) * 100 + (minutes % 60)).padStart(4, '0');
  return `${withoutZone} ${zoneOffsetMinutes < 0 ? '-' : '+'}${hhmm}`;
}

/** RFC 5321 §4.1.3; a mapped IPv4 address (RFC 4291 §2.5.5.2) is written as the IPv4 address that it is. */
function addressLiteral(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const plain = token(mapped ?? address.replace(/%.*$/, ''));
  return plain.includes(':') ? `[IPv6:${plain}]` : `[${plain}]`;
}

/** A word that cannot leave its clause: whatever is not part of a name, number or address literal becomes `?`. */
function token(text: string): string {
  const safe = text.replace(/[^A-Za-z0-9._:[\]@+=/\u0080-\u{10FFFF}-]/gu, '?').replace(/[\u0080-\u009f]/g, '?');
  return safe === '' ? 'unknown' : safe.slice(0, 255);
}

/** A path in angle brackets. Control characters, which no path may hold (RFC 5321 §4.1.2), become `?`. */
function path(address: string): string {
  return `<${address.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')}>`;
}

/** Each clause begins a line; one that is too long is folded at its spaces outside of angle brackets. */
function fold(clauses: readonly string[]): string {
  const lines: string[] = [];
  for (const clause of clauses) {
    let line = '';
    for (const word of clause.match(/<.*>\S*|\S+/g) ?? []) {
      const indent = lines.length > 0 || line !== '' ? 1 : 0;
      if (line === '') {
        line = word;
      } else if (line.length + 1 + word.length + indent <= PREFERRED_LINE_LENGTH) {
        line += ` ${word}`;
      } else {
        lines.push(line);
        line = word;
      }
    }
    lines.push(line);
  }
  return `${lines.join('\r\n\t')}\r\n`;
}
