/** Modified UTF-7 (RFC 3501 §5.1.3), the form of mailbox names for clients that have enabled neither IMAP4rev2 nor UTF8=ACCEPT. */

/** Unicode to modified UTF-7. */
export function encodeMailboxName(name: string): string {
  let out = '';
  let shifted = '';
  const flush = (): void => {
    if (shifted === '') return;
    const utf16 = Buffer.from(shifted, 'utf16le').swap16();
    out += `&${utf16.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`;
    shifted = '';
  };
  for (let i = 0; i < name.length; i += 1) {
    const code = name.charCodeAt(i);
    if (code >= 0x20 && code <= 0x7e) {
      flush();
      out += code === 0x26 ? '&-' : name.charAt(i);
    } else {
      shifted += name.charAt(i);
    }
  }
  flush();
  return out;
}

/**
 * Modified UTF-7 to Unicode; undefined when it is not the one valid form of a name (8-bit octets, an ASCII character in
 * base64, a needless shift, half a surrogate pair), so that two spellings never name one mailbox.
 */
export function decodeMailboxName(text: string): string | undefined {
  let out = '';
  let at = 0;
  while (at < text.length) {
    const shift = text.indexOf('&', at);
    if (shift < 0) {
      out += text.slice(at);
      break;
    }
    const end = text.indexOf('-', shift);
    if (end < 0) return undefined;
    const base64 = text.slice(shift + 1, end);
    if (!/^[A-Za-z0-9+,]*$/.test(base64)) return undefined;
    out += text.slice(at, shift);
    if (base64 === '') {
      out += '&';
    } else {
      const utf16 = Buffer.from(base64.replaceAll(',', '/'), 'base64');
      if (utf16.length === 0 || utf16.length % 2 !== 0) return undefined;
      out += utf16.swap16().toString('utf16le');
    }
    at = end + 1;
  }
  return out.isWellFormed() && encodeMailboxName(out) === text ? out : undefined;
}

/** Octets (as latin1) to Unicode, for names in UTF-8; undefined when they are not UTF-8. */
export function decodeUtf8(octets: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(octets, 'latin1'));
  } catch {
    return undefined;
  }
}
