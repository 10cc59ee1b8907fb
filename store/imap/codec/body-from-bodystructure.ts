/** A parenthesised list, or the text of anything else: a string with its quotes or as a literal, NIL, a number. */
type Node = string | readonly Node[];

/**
 * BODY made from BODYSTRUCTURE (RFC 3501 §7.4.2): the same without its extension data. Works on our own rendering, which
 * follows the grammar; throws RangeError on anything else.
 */
export function bodyFromBodyStructure(bodyStructure: Buffer): Buffer {
  const reader = { text: bodyStructure.toString('latin1'), at: 0 };
  return Buffer.from(write(withoutExtensions(readNode(reader))), 'latin1');
}

function withoutExtensions(body: Node): Node {
  if (typeof body === 'string') return body;
  if (typeof body[0] !== 'string') {
    const children = body.filter((node, index) => typeof node !== 'string' && body.slice(0, index).every(isList));
    return [...children.map(withoutExtensions), body[children.length] ?? 'NIL'];
  }
  const type = body[0].toLowerCase();
  // body-fields end with the seventh item; a text part has lines after it, an enclosed message envelope, body and lines.
  if (type === '"text"') return body.slice(0, 8);
  if (type === '"message"' && isList(body[7]) && isList(body[8])) {
    return [...body.slice(0, 8), withoutExtensions(body[8]), body[9] ?? '0'];
  }
  return body.slice(0, 7);
}

const isList = (node: Node | undefined): node is readonly Node[] => node !== undefined && typeof node !== 'string';

/** An address list is a list of lists alone; a multipart ends with its subtype, and its parts follow without a space. */
function write(node: Node): string {
  if (typeof node === 'string') return node;
  const last = node[node.length - 1];
  const parts = node.slice(0, -1);
  if (typeof last === 'string' && parts.length > 0 && parts.every(isList))
    return `(${parts.map(write).join('')} ${last})`;
  return `(${node.map(write).join(' ')})`;
}

function readNode(reader: { readonly text: string; at: number }): Node {
  const { text } = reader;
  const char = text[reader.at];
  if (char === '(') {
    reader.at += 1;
    const out: Node[] = [];
    while (text[reader.at] !== ')') {
      if (reader.at >= text.length) throw new RangeError('body structure: cut short');
      if (text[reader.at] === ' ') reader.at += 1;
      else out.push(readNode(reader));
    }
    reader.at += 1;
    return out;
  }
  const start = reader.at;
  if (char === '"') {
    reader.at += 1;
    while (text[reader.at] !== '"') {
      reader.at += text[reader.at] === '\\' ? 2 : 1;
      if (reader.at >= text.length) throw new RangeError('body structure: cut short');
    }
    reader.at += 1;
    return text.slice(start, reader.at);
  }
  const literal = char === '{' ? /^\{(\d+)\}\r\n/.exec(text.slice(start, start + 24)) : null;
  const length = literal === null ? (/^[A-Za-z0-9]+/.exec(text.slice(start, start + 24))?.[0].length ?? 0) : 0;
  if (literal === null && length === 0) throw new RangeError('body structure: unexpected octet');
  reader.at += literal === null ? length : literal[0].length + Number(literal[1]);
  return text.slice(start, reader.at);
}
