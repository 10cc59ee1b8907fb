import { partRange, scanMessage } from '@postern/shared/message/mime-structure.ts';
import { previewText } from '@postern/shared/message/text.ts';
import { decodeTransfer } from '@postern/shared/message/transfer-encoding.ts';
import { type BodyPart, leavesOf, partsOfScan } from './body-part.ts';
import { type HeaderField, readFields } from './header-forms.ts';

/** A message whose parts can be read, wherever it lies. */
export interface MessageSource {
  /** What its blob ids begin with. */
  readonly blobId: string;
  readonly structure: BodyPart | undefined;
  readonly fields: readonly HeaderField[];
  readonly preview: string | undefined;
  /** Octets of parts before decoding, from their start, by section. */
  read(sections: readonly string[], maxBytes: number): Promise<ReadonlyMap<string, Buffer>>;
  decodedSizes(parts: readonly BodyPart[]): Promise<ReadonlyMap<string, number>>;
  /** Header fields of parts, by section. */
  partFields(sections: readonly string[]): Promise<ReadonlyMap<string, readonly HeaderField[]>>;
}

/** A message of which all octets are here. */
export function sourceOfBytes(bytes: Buffer, blobId: string): MessageSource {
  const scanned = scanMessage(bytes);
  const structure = partsOfScan(scanned.root);
  const read = (section: string): Buffer => {
    const found = partRange(scanned.root, section);
    return found === undefined ? Buffer.alloc(0) : bytes.subarray(found.start, found.end);
  };
  return {
    blobId,
    structure,
    fields: readFields(bytes.subarray(0, scanned.root.bodyStart)),
    preview: previewText(scanned),
    read: async (sections, maxBytes) => new Map(sections.map((each) => [each, read(each).subarray(0, maxBytes)])),
    async decodedSizes(parts) {
      return new Map(
        parts.flatMap(leavesOf).map((part) => {
          const encoded = read(part.section ?? '');
          return [part.section ?? '', (decodeTransfer(encoded, part.encoding) ?? encoded).length];
        }),
      );
    },
    partFields: async (sections) => new Map(sections.map((each) => [each, readFields(read(`${each}.MIME`))])),
  };
}
