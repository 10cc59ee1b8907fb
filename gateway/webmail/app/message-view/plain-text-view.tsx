import { useState } from 'preact/hooks';
import { t } from '../i18n/i18n.ts';
import { openCompose, readMailto } from '../state/compose.ts';
import { blocksOf, type TextBlock, type TextPiece } from './plain-text.ts';

/** A quotation of more lines is folded. */
const LONG_QUOTE = 12;

/** Plain text, quotations folded, links that can be followed; nothing in it is ever read as markup. */
export function PlainTextView({ text }: { readonly text: string }) {
  return (
    <div class="plain-text">
      {blocksOf(text).map((block, n) => (
        <Block key={n} block={block} />
      ))}
    </div>
  );
}

function Block({ block: { depth, lines } }: { readonly block: TextBlock }) {
  const [open, setOpen] = useState(depth === 0 || lines.length <= LONG_QUOTE);
  if (!open) {
    return (
      <button type="button" class="quote-button" onClick={() => setOpen(true)}>
        {t('message.quoted')}
      </button>
    );
  }
  return (
    <div class={depth === 0 ? 'text-block' : `text-block quote quote-${depth}`}>
      {lines.map((pieces, n) => (
        <div key={n} class="text-line">
          {pieces.length === 0 ? '\u200b' : pieces.map((piece, m) => <Piece key={m} piece={piece} />)}
        </div>
      ))}
    </div>
  );
}

function Piece({ piece }: { readonly piece: TextPiece }) {
  if (piece.kind === 'text') return <>{piece.text}</>;
  const { href, text } = piece;
  return (
    <a
      href={href}
      target="_blank"
      rel="noopener noreferrer nofollow"
      onClick={(event) => {
        if (!href.startsWith('mailto:')) return;
        event.preventDefault();
        openCompose(readMailto(href));
      }}
    >
      {text}
    </a>
  );
}
