/** A message of the load, told from all others by its id. */
export function letter(id: string): string {
  return `From: a@a.example\r\nSubject: cluster\r\nX-Load-Id: ${id}\r\n\r\nMessage ${id}.\r\n.dot\r\n`;
}

/** `done`: answered OK. `open`: not answered, or "outcome unknown": it may have happened, once. `not`: refused, nothing happened. */
export type Outcome = 'done' | 'open' | 'not';

/** What clients were told about one message. */
export interface Told {
  readonly came: Outcome;
  /** UID in INBOX, where an answer named it. */
  readonly uid?: number;
  flagged: Outcome;
  copied: Outcome;
  /** UID of the copy. */
  copyUid?: number;
  expunged: Outcome;
}

/** What all clients of a load were told; what the mailboxes hold is compared with it. */
export class Ledger {
  readonly told = new Map<string, Told>();
  /** Replies that were neither yes nor no, counted by their first words. */
  readonly puzzles = new Map<string, number>();

  accepted(id: string): void {
    this.came(id, 'done');
  }

  came(id: string, came: Outcome, uid?: number): Told {
    const told: Told = { came, ...(uid === undefined ? {} : { uid }), flagged: 'not', copied: 'not', expunged: 'not' };
    this.told.set(id, told);
    return told;
  }

  puzzled(reply: string): void {
    const words = reply.replaceAll(/[0-9a-f-]{8,}/g, '…').slice(0, 60);
    this.puzzles.set(words, (this.puzzles.get(words) ?? 0) + 1);
  }
}

/** A message as IMAP shows it. */
export interface Seen {
  readonly uid: number;
  readonly modSeq: number;
  readonly flags: readonly string[];
  readonly id: string;
  readonly whole: boolean;
}

export interface MailboxSeen {
  readonly uidNext: number;
  readonly highestModSeq: number;
  readonly messages: readonly Seen[];
}

/** What does not fit between what clients were told and what INBOX and Archive hold; empty when all is well. */
export function compare({ told }: Ledger, inbox: MailboxSeen, archive: MailboxSeen): string[] {
  const faults: string[] = [];
  for (const [name, { uidNext, highestModSeq, messages }] of Object.entries({ inbox, archive })) {
    let last = 0;
    for (const { uid, modSeq, id, whole } of messages) {
      if (uid <= last) faults.push(`${name}: UID ${uid} does not ascend`);
      if (uid >= uidNext) faults.push(`${name}: UID ${uid}, UIDNEXT ${uidNext}`);
      if (modSeq > highestModSeq) faults.push(`${name} UID ${uid}: MODSEQ ${modSeq}, HIGHESTMODSEQ ${highestModSeq}`);
      if (!told.has(id)) faults.push(`${name} UID ${uid}: nobody sent ${id}`);
      if (!whole) faults.push(`${name} UID ${uid}: other bytes`);
      last = uid;
    }
  }
  const inInbox = Map.groupBy(inbox.messages, ({ id }) => id);
  const inArchive = Map.groupBy(archive.messages, ({ id }) => id);
  for (const [id, { came, uid, flagged, copied, copyUid, expunged }] of told) {
    const here = inInbox.get(id) ?? [];
    const copies = inArchive.get(id) ?? [];
    const due: Outcome = expunged === 'done' ? 'not' : expunged === 'open' && came === 'done' ? 'open' : came;
    if (!fits(here.length, due))
      faults.push(`${id}: came ${came}, expunged ${expunged}, ${here.length} times in INBOX`);
    if (!fits(copies.length, copied)) faults.push(`${id}: copied ${copied}, ${copies.length} times in Archive`);
    if (uid !== undefined && here.some((seen) => seen.uid !== uid))
      faults.push(`${id}: has not the UID ${uid} of its answer`);
    if (copyUid !== undefined && copies.some((seen) => seen.uid !== copyUid))
      faults.push(`${id}: its copy has not the UID ${copyUid} of its answer`);
    const hasFlag = here.some(({ flags }) => flags.includes('\\Flagged'));
    if (here.length === 1 && flagged !== 'open' && hasFlag !== (flagged === 'done'))
      faults.push(`${id}: flagged ${flagged}, and it is ${hasFlag}`);
  }
  return faults;
}

function fits(times: number, outcome: Outcome): boolean {
  if (outcome === 'open') return times <= 1;
  return times === (outcome === 'done' ? 1 : 0);
}
