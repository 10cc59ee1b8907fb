import type { NamedProcess } from '../measure/processes.ts';

/** One of the two systems that are compared: a mail server that takes SMTP and keeps mail for good. */
export interface InboundSide {
  readonly name: string;
  readonly smtpPort: number;
  /** All programs whose processor time and memory count, database and directory included. */
  readonly programs: readonly NamedProcess[];
  /** Messages that lie durably in the mailboxes since {@link InboundSide.begin}. */
  delivered(): Promise<number>;
  /** Before each run: nothing is under way, and the count begins at zero. */
  begin(): Promise<void>;
}

/** Addresses of the runs: one mailbox, and a hundred whose names smtp-source makes by numbers in front (`-N`). */
export const BENCH_DOMAIN = 'domain1.example';
export const BENCH_NAME = 'box';
export const BENCH_MAILBOXES = 100;
