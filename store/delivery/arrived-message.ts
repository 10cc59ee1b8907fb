import type { Placement } from '@postern/shared/delivery/placement.ts';
import type { ShellAccount } from '@postern/shared/directory/directory.ts';
import type { ArrivedContent, QuotaLimits, StoredAccount } from '../mailstore/mailstore.ts';

/** One message on its way to accounts of this store. */
export interface ArrivedMessage {
  /** Certificate name of the peer that brought it. */
  readonly peer: string;
  readonly deliveryId: string;
  /** MAIL FROM; empty: the null reverse-path. */
  readonly reversePath: string;
  readonly content: ArrivedContent;
  /** The same bytes, for rules to look at. */
  readonly bytes: Buffer;
  /** Of them, the trace fields that we have put before what the peer sent. */
  readonly traceBytes: number;
  /** SHA-256 of the bytes as the peer sent them, before our own trace headers. */
  readonly receivedSha256: Buffer;
  readonly receivedAt: Date;
  /** Where the gateway's policy wants it; the INBOX when undefined. */
  readonly placement?: Placement | undefined;
}

/** One recipient of it, found in the directory and in the store. */
export interface LocalRecipient {
  /** As it came in RCPT. */
  readonly address: string;
  /** The address that the sender gave, if the gateway said so (ORCPT): an alias, or one with a detail. */
  readonly originalAddress?: string | undefined;
  readonly account: StoredAccount;
  readonly quota: QuotaLimits;
  /** Of somebody with a shell account, who may have a program of their own. */
  readonly shell?: ShellAccount | undefined;
}

/** RFC 3461 §4.2: the address that the sender gave, as ORCPT tells it (`type;address`). */
export function originalAddressOf(orcpt: string | undefined): string | undefined {
  return /^(?:rfc822|utf-8);([^\s<>]{1,320}@[^\s<>@]{1,255})$/i.exec(orcpt ?? '')?.[1];
}
