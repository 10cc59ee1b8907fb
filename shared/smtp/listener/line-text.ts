/** Text of a reply reaches the peer as one line, whatever a handler put into it. */
export function oneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ');
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A command line as text; undefined when it is not UTF-8 (RFC 6531 §3.3). */
export function decodeLine(line: Buffer): string | undefined {
  try {
    return utf8.decode(line);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
