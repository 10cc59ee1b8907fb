import type { MailboxStatus } from '../mailstore/mailstore.ts';
import type { ArgumentReader } from './codec/lexer.ts';
import { writeName } from './mailbox-argument.ts';
import type { Session } from './session.ts';

const VALUES = {
  MESSAGES: (s: MailboxStatus): number => s.messages,
  RECENT: (s: MailboxStatus): number => s.recent,
  UIDNEXT: (s: MailboxStatus): number => s.uidNext,
  UIDVALIDITY: (s: MailboxStatus): number => s.uidValidity,
  UNSEEN: (s: MailboxStatus): number => s.unseen,
  HIGHESTMODSEQ: (s: MailboxStatus): number => s.highestModSeq,
} as const;

/** RFC 9051 §9 status-att. */
export type StatusItem = keyof typeof VALUES;

const isStatusItem = (name: string): name is StatusItem => Object.hasOwn(VALUES, name);

/** `(MESSAGES UNSEEN)`. */
export function readStatusItems(args: ArgumentReader): StatusItem[] {
  return args.list((): StatusItem => {
    const name = args.keyword();
    // RFC 7162 §3.1.7
    if (name === 'HIGHESTMODSEQ') args.require('CONDSTORE', `status item ${name}`);
    return isStatusItem(name) ? name : args.fail(`unknown status item ${name}`);
  }, true);
}

/** RFC 9051 §7.3.4. */
export function writeStatus(
  session: Session,
  mailbox: string,
  counters: MailboxStatus,
  items: readonly StatusItem[],
): void {
  if (items.includes('HIGHESTMODSEQ')) session.enableCondstore();
  const { out } = session;
  out.text('* STATUS ');
  writeName(session, out, mailbox);
  out.line(` (${items.map((item) => `${item} ${VALUES[item](counters)}`).join(' ')})`);
}
