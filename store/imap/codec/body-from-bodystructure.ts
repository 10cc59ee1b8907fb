/**
 * BODY made from BODYSTRUCTURE (RFC 3501 §7.4.2): the same octets without the extension data. Works on our own rendering, which
 * follows the grammar; throws RangeError on anything else. Linear in its length.
 */
export function bodyFromBodyStructure(bodyStructure: Buffer): Buffer {
  const text = bodyStructure.toString('latin1');
  const pieces: string[] = [];
  const end = copyBody(text, 0, pieces);
  if (end !== text.length) throw malformed(end);
  return Buffer.from(pieces.join(''), 'latin1');
}

/** Copies the body that starts here, without its extensions; returns the position after it. */
function copyBody(text: string, start: number, pieces: string[]): number {
  if (text[start] !== '(') throw malformed(start);
  pieces.push('(');
  const kept = text[start + 1] === '(' ? copyMultipart(text, start + 1, pieces) : copyPart(text, start + 1, pieces);
  pieces.push(')');
  let end = kept;
  while (text[end] === ' ') end = afterItem(text, end + 1);
  if (text[end] !== ')') throw malformed(end);
  return end + 1;
}

/** 1*body SP media-subtype */
function copyMultipart(text: string, start: number, pieces: string[]): number {
  let at = start;
  while (text[at] === '(') at = copyBody(text, at, pieces);
  const end = afterItem(text, at + 1);
  pieces.push(text.slice(at, end));
  return end;
}

/** Type, subtype and five body-fields; then lines of text, or envelope, body and lines of an enclosed message. */
function copyPart(text: string, start: number, pieces: string[]): number {
  const fieldsEnd = afterItems(text, start, 7);
  const type = text.slice(start, afterItem(text, start)).toLowerCase();
  // Of other parts the eighth item is their MD5, which is no list.
  const isMessage = type === '"message"' && text[fieldsEnd + 1] === '(';
  if (!isMessage) {
    const end = type === '"text"' ? afterItem(text, fieldsEnd + 1) : fieldsEnd;
    pieces.push(text.slice(start, end));
    return end;
  }
  const bodyStart = afterItem(text, fieldsEnd + 1) + 1;
  pieces.push(text.slice(start, bodyStart));
  const bodyEnd = copyBody(text, bodyStart, pieces);
  const end = afterItem(text, bodyEnd + 1);
  pieces.push(text.slice(bodyEnd, end));
  return end;
}

function afterItems(text: string, start: number, count: number): number {
  let at = afterItem(text, start);
  for (let n = 1; n < count; n++) at = afterItem(text, at + 1);
  return at;
}

/** The position after a string, literal, number, NIL or parenthesised list. */
function afterItem(text: string, start: number): number {
  let at = start;
  let depth = 0;
  do {
    const c = text[at];
    if (c === undefined) throw malformed(at);
    if (c === '"') at = afterQuoted(text, at);
    else if (c === '{') at = afterLiteral(text, at);
    else if (c === '(') [at, depth] = [at + 1, depth + 1];
    else if (c === ')') [at, depth] = [at + 1, depth - 1];
    else if (c === ' ' && depth > 0) at++;
    else at = afterAtom(text, at);
  } while (depth > 0);
  if (depth < 0 || at === start) throw malformed(at);
  return at;
}

function afterQuoted(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  throw malformed(start);
}

function afterLiteral(text: string, start: number): number {
  const head = /\{(\d{1,10})\}\r\n/y;
  head.lastIndex = start;
  const match = head.exec(text);
  const end = match ? start + match[0].length + Number(match[1]) : Number.POSITIVE_INFINITY;
  if (end > text.length) throw malformed(start);
  return end;
}

function afterAtom(text: string, start: number): number {
  let at = start;
  while (at < text.length && !' ()"{'.includes(text[at] as string)) at++;
  return at;
}

function malformed(at: number): RangeError {
  return new RangeError(`not a BODYSTRUCTURE: octet ${at}`);
}
