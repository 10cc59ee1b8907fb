import type { ImapDialogue } from '../support/imap-dialogue.ts';

/** All that IMAP tells of an account: by mailbox, and of the account itself. */
export interface AccountSeen {
  readonly list: string;
  readonly metadata: string;
  readonly mailboxes: ReadonlyMap<string, MailboxSeen>;
}

export interface MailboxSeen {
  readonly status: string;
  /** What QRESYNC answers to a client that was last there at the first mod-sequence (RFC 7162 §3.2.5). */
  readonly resynchronised: string;
  /** Flags, dates, sizes, mod-sequences, object ids, structure, and every octet. */
  readonly messages: string;
}

/** Reads everything, marking nothing. The session has signed in. */
export async function readByImap(imap: ImapDialogue): Promise<AccountSeen> {
  await imap.command('ENABLE QRESYNC');
  const list = await imap.command('LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE)');
  const metadata = await imap.command('GETMETADATA (DEPTH infinity) "" (/private /shared)');
  const names = [...list.matchAll(/^\* LIST \([^)]*\) "\/" (.+)$/gm)].map((match) => match[1] as string);
  const mailboxes = new Map<string, MailboxSeen>();
  for (const name of names) {
    const status = await imap.command(
      `STATUS ${name} (MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ)`,
    );
    const uidValidity = /UIDVALIDITY (\d+)/.exec(status)?.[1];
    const resynchronised = await imap.command(`EXAMINE ${name} (QRESYNC (${uidValidity} 1 1:9999))`);
    const messages = await imap.command(
      'UID FETCH 1:* (FLAGS INTERNALDATE SAVEDATE RFC822.SIZE MODSEQ EMAILID THREADID ENVELOPE BODYSTRUCTURE BODY.PEEK[])',
    );
    mailboxes.set(name, { status, resynchronised, messages });
    await imap.command('UNSELECT');
  }
  return { list, metadata, mailboxes };
}

/** The same but for what a new UIDVALIDITY and a new number of the email change. */
export function messagesWithoutIds(messages: string): string {
  const sameSession = messages.replaceAll(/ ?\\Recent/g, '');
  return sameSession.replaceAll(/ ?(MODSEQ|EMAILID|THREADID) \([^)]*\)/g, '').replaceAll(/ ?SAVEDATE "[^"]*"/g, '');
}
