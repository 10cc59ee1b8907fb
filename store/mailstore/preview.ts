import type { ScannedMessage } from '@postern/shared/message/mime-part.ts';
import { previewText } from '@postern/shared/message/text.ts';

/** RFC 8970 §3.3: 256 characters at most, text alone: what controls would do on a screen is nobody's business here. */
export function storablePreview(scan: ScannedMessage): string {
  return previewText(scan)
    .replace(/[\p{Cc}\p{Cs}]+/gu, ' ')
    .trim();
}
