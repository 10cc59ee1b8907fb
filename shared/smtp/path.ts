import { domainToASCII } from 'node:url';

/** What a path of MAIL or RCPT says. */
export type PathResult =
  | {
      readonly ok: true;
      /** `local@domain`, `''` for `<>`, or `postmaster` alone (RFC 5321 §4.1.1.3). */
      readonly address: string;
      /** The local part or the domain was not ASCII: SMTPUTF8 is needed (RFC 6531 §3.3). */
      readonly utf8: boolean;
      /** Index of the first character after `>`. */
      readonly next: number;
    }
  | { readonly ok: false; readonly cause: string };

// RFC 5321 §4.1.2 and RFC 6531 §3.3: atext, with UTF8-non-ascii.
const ATOM = /^[\w!#$%&'*+\-/=?^`{|}~\u0080-\u{10FFFF}]+$/u;
const SUB_DOMAIN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
// RFC 5321 §4.5.3.1: 64, 255 and 256 octets are what every server must take; VERP and SRS make longer local parts.
const MAX_LOCAL_BYTES = 255;
const MAX_DOMAIN_BYTES = 255;

/** Whether text holds octets beyond ASCII. */
export function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}

/**
 * Reads a reverse-path or forward-path (RFC 5321 §4.1.2) at `text[start]`: `<` [source route] mailbox `>`. The source
 * route is read and ignored, as appendix C asks. The local part keeps its case and is quoted only where it must
 * be, since `"a"@x` and `a@x` are one mailbox; the domain becomes lower-case A-labels.
 *
 * @param kind `reverse` allows `<>`; `forward` allows `<postmaster>`
 */
export function parsePath(text: string, start: number, kind: 'reverse' | 'forward'): PathResult {
  if (text[start] !== '<') return bad('the path must stand in angle brackets');
  let at = start + 1;
  if (text[at] === '>') {
    return kind === 'reverse' ? { ok: true, address: '', utf8: false, next: at + 1 } : bad('an empty forward-path');
  }
  if (text[at] === '@') {
    const colon = text.indexOf(':', at);
    const close = text.indexOf('>', at);
    if (colon < 0 || (close >= 0 && close < colon)) return bad('a source route without its colon');
    for (const hop of text.slice(at, colon).split(',')) {
      if (!hop.startsWith('@') || canonicalDomain(hop.slice(1)) === undefined) return bad('a bad source route');
    }
    at = colon + 1;
  }
  const local = text[at] === '"' ? quotedLocalPart(text, at) : dotString(text, at);
  if (local === undefined) return bad('a bad local part');
  if (Buffer.byteLength(local.value) > MAX_LOCAL_BYTES) return bad('the local part is too long');
  at = local.next;
  if (text[at] === '>' && kind === 'forward' && local.value.toLowerCase() === 'postmaster') {
    return { ok: true, address: local.value, utf8: false, next: at + 1 };
  }
  if (text[at] !== '@') return bad('a mailbox needs local part, @ and domain');
  const close = text.indexOf('>', at);
  if (close < 0) return bad('the closing bracket is missing');
  const rawDomain = text.slice(at + 1, close);
  const domain = canonicalDomain(rawDomain);
  if (domain === undefined) return bad('a bad domain');
  return {
    ok: true,
    address: `${local.value}@${domain}`,
    utf8: !isAscii(local.value) || !isAscii(rawDomain),
    next: close + 1,
  };
}

/**
 * A domain as lower-case A-labels (RFC 5890), or an address literal in brackets (RFC 5321 §4.1.3) as it is in lower
 * case. Undefined when it is neither.
 */
export function canonicalDomain(domain: string): string | undefined {
  if (domain.startsWith('[')) return isAddressLiteral(domain) ? domain.toLowerCase() : undefined;
  const ascii = isAscii(domain) ? domain.toLowerCase() : domainToASCII(domain);
  if (ascii === '' || ascii.length > MAX_DOMAIN_BYTES) return undefined;
  return ascii.split('.').every((label) => SUB_DOMAIN.test(label)) ? ascii : undefined;
}

function isAddressLiteral(domain: string): boolean {
  if (/^\[\d{1,3}(?:\.\d{1,3}){3}\]$/.test(domain)) {
    return domain
      .slice(1, -1)
      .split('.')
      .every((part) => Number(part) < 256);
  }
  return /^\[IPv6:[0-9a-f:.]{2,45}\]$/i.test(domain);
}

function dotString(text: string, start: number): { value: string; next: number } | undefined {
  let next = start;
  while (next < text.length && text[next] !== '@' && text[next] !== '>') next++;
  const value = text.slice(start, next);
  return isDotString(value) ? { value, next } : undefined;
}

function isDotString(value: string): boolean {
  return value.split('.').every((atom) => ATOM.test(atom)) && !/[\u0080-\u009f]/.test(value);
}

/** RFC 5321 §4.1.2 Quoted-string: qtextSMTP is 32–33, 35–91, 93–126; quoted-pairSMTP is a backslash and 32–126. */
function quotedLocalPart(text: string, start: number): { value: string; next: number } | undefined {
  let value = '';
  for (let i = start + 1; i < text.length; i++) {
    let character = text[i]!;
    if (character === '"') {
      const canonical = isDotString(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
      return value === '' ? undefined : { value: canonical, next: i + 1 };
    }
    if (character === '\\') {
      i++;
      character = text[i] ?? '';
      if (!/^[\x20-\x7e]$/.test(character)) return undefined;
    } else if (character < ' ' || (character >= '\x7f' && character <= '\x9f')) {
      return undefined;
    }
    value += character;
  }
  return undefined;
}

function bad(cause: string): PathResult {
  return { ok: false, cause };
}
