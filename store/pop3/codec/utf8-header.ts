/**
 * Whether a message's header is one of RFC 6532 (UTF-8 in header fields), which a client has to ask for (RFC 6856 §2.1). Eight-bit
 * octets that are not UTF-8 are no such thing: they have been sent as they are ever since, and nothing converts them.
 */
export function hasUtf8Header(header: Buffer): boolean {
  let eightBit = false;
  for (const octet of header) {
    if (octet < 0x80) continue;
    eightBit = true;
    break;
  }
  if (!eightBit) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(header);
    return true;
  } catch {
    return false;
  }
}

/** The octets up to the empty line; all of them when there is none. */
export function headerOf(beginning: Buffer): Buffer {
  const ends = [beginning.indexOf('\r\n\r\n'), beginning.indexOf('\n\n')].filter((at) => at >= 0);
  return ends.length === 0 ? beginning : beginning.subarray(0, Math.min(...ends));
}
