/** An entry of a zip archive's directory. */
export interface ZipEntry {
  readonly name: string;
  readonly encrypted: boolean;
}

/** Entries of one archive that are read. */
export const MAX_ZIP_ENTRIES = 2_000;
/** The end record, and the longest comment behind it (APPNOTE.TXT §4.3.16). */
const END_BYTES = 22 + 65_535;
const END = Buffer.from([0x50, 0x4b, 5, 6]);
const ENTRY = 0x02014b50;

/** Names in a zip archive's directory, at most 2,000 of them; nothing is unpacked. Empty when it is no zip archive. */
export function zipEntries(archive: Buffer): ZipEntry[] {
  const tail = archive.subarray(Math.max(0, archive.length - END_BYTES));
  const endAt = tail.lastIndexOf(END);
  if (endAt < 0 || endAt + 22 > tail.length) return [];
  const end = archive.length - tail.length + endAt;
  const entries: ZipEntry[] = [];
  // Where something stands before the archive its offsets are wrong, and programs count back from the end: both are read.
  for (const start of new Set([tail.readUInt32LE(endAt + 16), end - tail.readUInt32LE(endAt + 12)])) {
    if (start >= 0) readDirectory(archive, start, entries);
  }
  return entries;
}

function readDirectory(archive: Buffer, start: number, entries: ZipEntry[]): void {
  let at = start;
  while (entries.length < MAX_ZIP_ENTRIES && at + 46 <= archive.length && archive.readUInt32LE(at) === ENTRY) {
    const flags = archive.readUInt16LE(at + 8);
    const nameBytes = archive.readUInt16LE(at + 28);
    const more = archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
    entries.push({ name: archive.toString('utf8', at + 46, at + 46 + nameBytes), encrypted: (flags & 1) === 1 });
    at += 46 + nameBytes + more;
  }
}
