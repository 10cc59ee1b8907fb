import type { ContentDisposition, Parameter } from './content-fields.ts';
import type { FieldRange } from './header.ts';

/** What numbering needs to know of a part (RFC 3501 §6.4.5): its kind, and where its header and body lie in the message. */
export interface PartOffsets {
  readonly kind: 'leaf' | 'multipart' | 'message';
  readonly headerStart: number;
  /** The end of the header, its empty line included. */
  readonly bodyStart: number;
  /** The end of the body; the line end before a delimiter belongs to the delimiter (RFC 2046 §5.1.1). */
  readonly bodyEnd: number;
  /** Line feeds in the body; counted for text and message parts alone, else 0. */
  readonly lines: number;
  /** The parts of a multipart: at least one. Of a message part: the root of the message that it encloses, exactly one. */
  readonly children: readonly PartOffsets[];
}

/**
 * A part of a MIME message, with all that ENVELOPE and BODYSTRUCTURE say of it. Text is byte strings (one character an octet, latin1),
 * unfolded, otherwise as it was written; type, subtype, encoding and names of parameters are in lower case.
 */
export interface MimePart extends PartOffsets {
  readonly type: string;
  readonly subtype: string;
  readonly params: readonly Parameter[];
  readonly id: string | undefined;
  readonly description: string | undefined;
  /** `7bit` if the header says nothing (RFC 2045 §6.1). */
  readonly encoding: string;
  readonly disposition: ContentDisposition | undefined;
  readonly languages: readonly string[];
  readonly location: string | undefined;
  readonly md5: string | undefined;
  /** The header fields, for the root of a message or of an enclosed message; empty for other parts. */
  readonly fields: readonly FieldRange[];
  readonly children: readonly MimePart[];
}

/** A message and where everything in it lies. The message's own header fields are `root.fields`. */
export interface ScannedMessage {
  readonly bytes: Buffer;
  readonly root: MimePart;
}
