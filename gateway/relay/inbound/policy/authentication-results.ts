import { type FieldRange, fieldValue, hasName, readHeader } from '@postern/shared/message/header.ts';

/** RFC 5322 §2.1.1: a line should be no longer. */
const PREFERRED_LINE_LENGTH = 78;
/** RFC 5322 §2.1.1: a line must be no longer; a word without spaces cannot be folded. */
const MAX_WORD_LENGTH = 900;

/**
 * The Authentication-Results field (RFC 8601 §2.2) with the results that this host found, folded, ending in CRLF.
 *
 * @param results one a method, e.g. `spf=pass smtp.mailfrom=a@b.example`; none at all is written `none`
 */
export function authenticationResultsHeader(hostname: string, results: readonly string[]): string {
  const safe = results.map((result) => result.replace(/[^\t -~\u00a0-\u{10FFFF}]+/gu, ' ').trim());
  const clauses = safe.length === 0 ? ['none'] : safe;
  let line = `Authentication-Results: ${hostname};`;
  const lines: string[] = [];
  for (const [i, clause] of clauses.entries()) {
    lines.push(line);
    line = '';
    const words = (i < clauses.length - 1 ? `${clause};` : clause).split(/[\t ]+/);
    for (const word of words.map((w) => w.slice(0, MAX_WORD_LENGTH))) {
      if (line !== '' && line.length + word.length + 2 > PREFERRED_LINE_LENGTH) {
        lines.push(line);
        line = word;
      } else {
        line = line === '' ? word : `${line} ${word}`;
      }
    }
  }
  return `${[...lines, line].join('\r\n\t')}\r\n`;
}

/**
 * A message without Authentication-Results fields that claim to be ours. RFC 8601 §5 demands it: whoever reads the
 * message inside trusts our name. All other octets stay as they came; without such a field nothing is copied.
 */
export function withoutForgedResults(content: Buffer, headerBytes: number, hostname: string): readonly Buffer[] {
  const { fields } = readHeader(content, 0, headerBytes);
  const forged = fields.filter((field) => claimsToBe(content, field, hostname));
  if (forged.length === 0) return [content];
  const kept: Buffer[] = [];
  let from = 0;
  for (const { start, end } of forged) {
    if (start > from) kept.push(content.subarray(from, start));
    from = end;
  }
  kept.push(content.subarray(from));
  return kept;
}

/** Longest value that is read for its authserv-id. */
const MAX_ID_OCTETS = 4_096;

function claimsToBe(content: Buffer, field: FieldRange, hostname: string): boolean {
  if (!hasName(content, field, 'authentication-results')) return false;
  const id = authservId(fieldValue(content, field, MAX_ID_OCTETS));
  // What cannot be read is not ours to trust, if our name stands in it at all.
  if (id === undefined) return fieldValue(content, field).toLowerCase().includes(hostname.toLowerCase());
  return id.toLowerCase().replace(/\.$/, '') === hostname.toLowerCase();
}

/** RFC 8601 §2.2: `[CFWS] authserv-id [ CFWS authres-version ]`, the id a token or a quoted string. */
export function authservId(value: string): string | undefined {
  let rest = value;
  for (;;) {
    rest = rest.replace(/^[\t ]+/, '');
    if (!rest.startsWith('(')) break;
    const end = endOfComment(rest);
    if (end === undefined) return undefined;
    rest = rest.slice(end);
  }
  const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(rest);
  if (quoted !== null) return (quoted[1] ?? '').replace(/\\(.)/g, '$1');
  return /^[^\t ;()/"]+/.exec(rest)?.[0];
}

/** RFC 5322 §3.2.2: comments nest. */
function endOfComment(text: string): number | undefined {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '(') depth++;
    else if (text[i] === ')' && --depth === 0) return i + 1;
  }
  return undefined;
}
