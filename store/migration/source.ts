import type { FlagSet } from '../mailstore/flags.ts';
import { MAX_KEYWORD_OCTETS } from '../mailstore/flags.ts';
import type { SpecialUse } from '../mailstore/mailstore.ts';

/** Mail that lies elsewhere: a folder, a file, another server. */
export interface MailSource {
  /** Tells this source from all others, the same at every run. */
  readonly name: string;
  mailboxes(): Promise<SourceMailbox[]>;
  /** Names as of {@link SourceMailbox.name}. */
  subscriptions(): Promise<string[]>;
  scripts(): Promise<SourceScript[]>;
  close(): Promise<void>;
}

export interface SourceMailbox {
  /** Unicode, `/` between levels. */
  readonly name: string;
  readonly specialUse: SpecialUse | undefined;
  /** How many there are, as far as that is known beforehand. */
  readonly messages: number | undefined;
  /** Tells whether anything in it has changed; undefined: only a look at all messages tells. */
  readonly state: string | undefined;
  /** In the order in which they shall get their UIDs. */
  read(): AsyncIterable<SourceMessage>;
  /**
   * Octets of messages that `read` has just given, in their order, with CRLF at the ends of lines. An error where one cannot be had,
   * `gone` where it went away meanwhile. Rejects when the source itself is away.
   */
  bodies(messages: readonly SourceMessage[]): Promise<(Buffer | Error | 'gone')[]>;
}

export interface SourceMessage {
  /** Name of the message in its source, the same at every run. */
  readonly item: string;
  readonly flags: FlagSet;
  readonly internalDate: Date;
  /** About. */
  readonly sizeBytes: number;
}

export interface SourceScript {
  readonly name: string;
  readonly text: string;
  readonly active: boolean;
}

/** The source does not answer, or not as it should: the message says which and why. The next run goes on. */
export class SourceFault extends Error {}

/** A message as files keep it, with LF alone at the ends of lines, gets CRLF (RFC 5322 §2.1). */
export function withCrlf(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  return /(^|[^\r])\n/.test(text) ? Buffer.from(text.replaceAll(/\r?\n/g, '\r\n'), 'latin1') : bytes;
}

/** Keywords that IMAP has a form for (RFC 9051 §9: `flag-keyword` is an atom); others are left out. */
export function validKeywords(names: readonly string[]): string[] {
  return [...new Set(names)].filter(
    (name) => /^[^\u0000- (){%*"\\\]\u007f-\uffff]+$/.test(name) && name.length <= MAX_KEYWORD_OCTETS,
  );
}
