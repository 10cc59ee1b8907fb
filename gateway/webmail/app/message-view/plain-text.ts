/** A piece of a message without formatting: all of it is shown as text, links are found in it. */
export type TextPiece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly href: string };

export interface TextBlock {
  /** How deep it is quoted (RFC 3676 §4.5). */
  readonly depth: number;
  readonly lines: readonly (readonly TextPiece[])[];
}

const LINK = /\b(?:https?:\/\/[^\s<>"'`\u0000-\u001f]+|mailto:[^\s<>"'`]+|[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+)/gi;
const MAX_LINE = 20_000;

/** The address of a link; undefined for what only looks like one. */
function hrefOf(text: string): string | undefined {
  if (!/^(?:https?:|mailto:)/i.test(text)) return `mailto:${text}`;
  try {
    const url = new URL(text);
    return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

export function piecesOf(line: string): TextPiece[] {
  const pieces: TextPiece[] = [];
  let done = 0;
  // Nobody reads a line of this length, and no expression should.
  for (const match of line.length > MAX_LINE ? [] : line.matchAll(LINK)) {
    let text = match[0];
    // A sentence's end is not the link's, nor is a bracket that was opened before it.
    text = text.replace(/[.,;:!?]+$/, '');
    while (/[)\]]$/.test(text) && count(text, text.at(-1) === ')' ? '(' : '[') < count(text, text.at(-1) ?? ''))
      text = text.slice(0, -1);
    const href = hrefOf(text);
    if (href === undefined) continue;
    if (match.index > done) pieces.push({ kind: 'text', text: line.slice(done, match.index) });
    pieces.push({ kind: 'link', text, href });
    done = match.index + text.length;
  }
  if (done < line.length) pieces.push({ kind: 'text', text: line.slice(done) });
  return pieces;
}

const count = (text: string, character: string): number => text.split(character).length - 1;

export function blocksOf(text: string): TextBlock[] {
  const blocks: { depth: number; lines: TextPiece[][] }[] = [];
  for (const line of text.replaceAll('\r\n', '\n').trimEnd().split('\n')) {
    const quote = /^(?:> ?)+/.exec(line)?.[0] ?? '';
    const depth = Math.min(count(quote, '>'), 5);
    const last = blocks.at(-1);
    const pieces = piecesOf(line.slice(quote.length));
    if (last?.depth === depth) last.lines.push(pieces);
    else blocks.push({ depth, lines: [pieces] });
  }
  return blocks;
}
