import type { MailboxStatus } from '../mailstore/mailstore.ts';
import type { ArgumentReader } from './codec/lexer.ts';
import { writeName } from './mailbox-argument.ts';
import type { ReachedMailbox } from './namespaces.ts';
import type { Session } from './session.ts';

/** What an item needs beside the counters. */
interface StatusSource {
  readonly session: Session;
  readonly counters: MailboxStatus;
  readonly deletedBytes: number;
}

interface StatusValue {
  /** The capability that brings the item. */
  readonly capability?: string;
  value(source: StatusSource): number | string;
}

const VALUES = {
  MESSAGES: { value: ({ counters }) => counters.messages },
  RECENT: { value: ({ counters }) => counters.recent },
  UIDNEXT: { value: ({ counters }) => counters.uidNext },
  UIDVALIDITY: { value: ({ counters }) => counters.uidValidity },
  UNSEEN: { value: ({ counters }) => counters.unseen },
  // RFC 7162 §3.1.7.
  HIGHESTMODSEQ: { capability: 'CONDSTORE', value: ({ counters }) => counters.highestModSeq },
  // RFC 8438; RFC 9208 §4.2.1; RFC 8474 §4.4; RFC 7889 §3.1.
  SIZE: { capability: 'STATUS=SIZE', value: ({ counters }) => counters.sizeBytes },
  DELETED: { value: ({ counters }) => counters.deleted },
  'DELETED-STORAGE': {
    capability: 'QUOTA=RES-STORAGE',
    value: ({ deletedBytes }) => Math.ceil(deletedBytes / 1024),
  },
  MAILBOXID: { capability: 'OBJECTID', value: ({ counters }) => `(M${counters.id})` },
  APPENDLIMIT: { capability: 'APPENDLIMIT', value: ({ session }) => session.services.config.maxLiteralBytes },
} as const satisfies Record<string, StatusValue>;

/** RFC 9051 §9 status-att. */
export type StatusItem = keyof typeof VALUES;

const isStatusItem = (name: string): name is StatusItem => Object.hasOwn(VALUES, name);

/** `(MESSAGES UNSEEN)`. */
export function readStatusItems(args: ArgumentReader): StatusItem[] {
  return args.list((): StatusItem => {
    const name = args.keyword();
    if (!isStatusItem(name)) return args.fail(`unknown status item ${name}`);
    const { capability }: StatusValue = VALUES[name];
    if (capability !== undefined) args.require(capability, `status item ${name}`);
    return name;
  }, true);
}

/**
 * What was read with the mailbox, where that is enough: not where messages have to be counted, \Recent ones, or what a user has not seen who is
 * not the owner.
 */
export function countersAtHand(
  { found, ownerAddress }: Pick<ReachedMailbox, 'found' | 'ownerAddress'>,
  items: readonly StatusItem[],
): MailboxStatus | undefined {
  const counters = ownerAddress === undefined ? found?.counters : undefined;
  if (counters === undefined || (counters.recent === undefined && items.includes('RECENT'))) return undefined;
  return { ...counters, recent: counters.recent ?? 0 };
}

/** RFC 9051 §7.3.4. There is something to wait for where messages have to be counted. */
export function writeStatus(
  session: Session,
  mailbox: string,
  counters: MailboxStatus,
  items: readonly StatusItem[],
): Promise<void> | undefined {
  if (items.includes('HIGHESTMODSEQ')) session.enableCondstore();
  const write = (deletedBytes: number): void => {
    const { out } = session;
    const source = { session, counters, deletedBytes };
    out.text('* STATUS ');
    writeName(session, out, mailbox);
    let before = ' (';
    for (const item of items) {
      out
        .text(before)
        .text(item)
        .text(' ')
        .text(String(VALUES[item].value(source)));
      before = ' ';
    }
    out.line(')');
  };
  if (items.includes('DELETED-STORAGE') && counters.deleted > 0) {
    return session.mailstore.mailboxes.deletedBytes(counters.id).then(write);
  }
  write(0);
  return undefined;
}
