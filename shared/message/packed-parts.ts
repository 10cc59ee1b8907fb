import type { PartOffsets } from './mime-part.ts';

const KINDS = ['leaf', 'multipart', 'message'] as const;

/**
 * The tree of parts as few octets, for the database: for each part, in the order of the message, its kind and number of children, and
 * its offsets as differences (LEB128). `partRange` answers from the unpacked tree as from the scanned one.
 */
export function packParts(root: PartOffsets): Buffer {
  const out: number[] = [];
  packPart(root, 0, out);
  return Buffer.from(out);
}

/** Reads what `packParts` wrote. Throws RangeError if these are no such octets. */
export function unpackParts(packed: Buffer): PartOffsets {
  const reader = { packed, at: 0 };
  const root = unpackPart(reader, 0);
  if (reader.at !== packed.length) throw new RangeError('packed parts: octets left over');
  return root;
}

function packPart(part: PartOffsets, origin: number, out: number[]): void {
  packNumber(part.children.length * KINDS.length + KINDS.indexOf(part.kind), out);
  packNumber(part.headerStart - origin, out);
  packNumber(part.bodyStart - part.headerStart, out);
  packNumber(part.bodyEnd - part.bodyStart, out);
  packNumber(part.lines, out);
  for (const child of part.children) packPart(child, part.bodyStart, out);
}

function unpackPart(reader: Reader, origin: number): PartOffsets {
  const head = unpackNumber(reader);
  const headerStart = origin + unpackNumber(reader);
  const bodyStart = headerStart + unpackNumber(reader);
  const bodyEnd = bodyStart + unpackNumber(reader);
  const lines = unpackNumber(reader);
  const children: PartOffsets[] = [];
  const count = Math.floor(head / KINDS.length);
  for (let i = 0; i < count; i++) children.push(unpackPart(reader, bodyStart));
  return { kind: KINDS[head % KINDS.length] as PartOffsets['kind'], headerStart, bodyStart, bodyEnd, lines, children };
}

interface Reader {
  readonly packed: Buffer;
  at: number;
}

function packNumber(value: number, out: number[]): void {
  let rest = value;
  while (rest > 127) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
}

function unpackNumber(reader: Reader): number {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const octet = reader.packed[reader.at++];
    if (octet === undefined) throw new RangeError('packed parts: cut short');
    if (octet < 128) return value + octet * scale;
    value += (octet - 128) * scale;
  }
}
