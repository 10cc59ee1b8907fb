import type { SanitisedMessage } from './sanitise.ts';
import { trustedFrameDocument } from './trusted-types.ts';

export interface FrameLook {
  /** The page's origin, at which parts of messages lie. */
  readonly origin: string;
  readonly remote: boolean;
  /** Our own dark colours, for messages that name none. */
  readonly dark: boolean;
  /** The page turns the colours of this frame round, because the message names some that are meant for a light ground. */
  readonly inverted: boolean;
  readonly font: string;
}

/**
 * The document of a message's frame. Its policy is narrower than the page's, which it inherits as well: no script, no form, no frame, no font;
 * pictures from this host's downloads, and from outside only where the user allowed it.
 */
export function frameDocument(
  { markup, bodyStyle, hasColours }: SanitisedMessage,
  { origin, remote, dark, inverted, font }: FrameLook,
): string {
  const pictures = `${origin}/jmap/download/ data:${remote ? ' https:' : ''}`;
  const policy = `default-src 'none'; img-src ${pictures}; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'`;
  return trustedFrameDocument(`<!doctype html>
<html><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta http-equiv="x-dns-prefetch-control" content="off">
<meta name="color-scheme" content="${dark ? 'dark' : 'light'}">
<style>
html { overflow: auto hidden; background: ${hasColours ? '#fff' : 'transparent'}; }
body { display: flow-root; margin: 0; padding: 2px 1px 4px; color: ${dark ? '#e6e7e6' : '#1f2328'}; font: 15px/1.5 ${font}; overflow-wrap: break-word; }
a { color: ${dark ? '#8fcfcb' : '#22565a'}; }
img { max-width: 100%; height: auto;${inverted ? ' filter: invert(1) hue-rotate(180deg);' : ''} }
img.postern-blocked { min-width: 18px; min-height: 18px; background: repeating-linear-gradient(45deg, #8883 0 4px, transparent 4px 8px); border-radius: 3px; }
pre { white-space: pre-wrap; }
blockquote { margin: 0.6em 0; padding-left: 12px; border-left: 2px solid #8886; }
table { max-width: 100%; }
@media (max-width: 599px) {
  table[width]:not([width$="%"]) { width: 100% !important; }
  td[width]:not([width$="%"]), th[width]:not([width$="%"]) { width: auto !important; }
}
</style></head><body style="${escapeAttribute(bodyStyle)}">${markup}</body></html>`);
}

const escapeAttribute = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
