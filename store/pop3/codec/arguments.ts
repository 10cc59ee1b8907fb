/** A command as it stands in its line (RFC 1939 §3): the keyword in upper case, and what follows the first space. */
export interface PopCommandLine {
  readonly keyword: string;
  /** undefined when nothing followed, not even a space. */
  readonly rest: string | undefined;
}

/** Undefined when the line is no command at all. */
export function parseCommandLine(line: string): PopCommandLine | undefined {
  const match = /^([A-Za-z0-9]{3,12})(?: (.*))?$/s.exec(line);
  if (match === null) return undefined;
  return { keyword: (match[1] ?? '').toUpperCase(), rest: match[2] };
}

/** Message numbers and counts of lines: decimal, at most 32 bits. */
export function parseNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 0xffff_ffff ? value : undefined;
}

/** Octets (latin1) as UTF-8 text; undefined when they are none (RFC 6856 §2.2: such names and passwords are refused). */
export function decodeUtf8(octets: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(octets, 'latin1'));
  } catch {
    return undefined;
  }
}
