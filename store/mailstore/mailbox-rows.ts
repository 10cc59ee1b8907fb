import { mailboxNameHash, parentNames } from './mailbox-name.ts';
import type { SpecialUse } from './mailstore.ts';
import type { LockedMailbox, WriteScope } from './write-scope.ts';

/** Inserts a mailbox and its missing parents; the account is locked, the name canonical and free. */
export async function insertMailbox(
  scope: WriteScope,
  accountId: number,
  name: string,
  specialUse: SpecialUse | null = null,
): Promise<LockedMailbox> {
  await insertMissingParents(scope, accountId, name);
  return insertOne(scope, accountId, name, specialUse);
}

/** RFC 9051 §6.3.4: "the server SHOULD create any superior hierarchical names". */
export async function insertMissingParents(scope: WriteScope, accountId: number, name: string): Promise<void> {
  for (const parent of parentNames(name)) {
    const [row] = await scope.transaction.rows('SELECT id FROM mailbox WHERE owner_id = ? AND name_hash = ?', [
      accountId,
      mailboxNameHash(parent),
    ]);
    if (row === undefined) await insertOne(scope, accountId, parent, null);
  }
}

async function insertOne(
  scope: WriteScope,
  accountId: number,
  name: string,
  specialUse: SpecialUse | null,
): Promise<LockedMailbox> {
  const account = scope.account(accountId);
  if (account === undefined) throw new Error('a mailbox is made in an account that is not locked');
  const uidValidity = account.nextUidValidity++;
  const modSeq = scope.modSeqOf(accountId);
  const { insertId } = await scope.transaction.change(
    `INSERT INTO mailbox (owner_id, name, name_hash, uidvalidity, highestmodseq, special_use, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    [accountId, name, mailboxNameHash(name), uidValidity, modSeq, specialUse, Date.now()],
  );
  const parent = parentNames(name).at(-1);
  if (parent !== undefined) {
    // RFC 4314 §4: a new mailbox inherits the access control list of its parent.
    await scope.transaction.change(
      `INSERT INTO mailbox_right (mailbox_id, grantee_id, negative, rights)
       SELECT ?, r.grantee_id, r.negative, r.rights FROM mailbox_right r JOIN mailbox m ON m.id = r.mailbox_id
       WHERE m.owner_id = ? AND m.name_hash = ?`,
      [insertId, accountId, mailboxNameHash(parent)],
    );
  }
  scope.listChanged(accountId);
  const mailbox: LockedMailbox = {
    id: insertId,
    ownerId: accountId,
    name,
    uidValidity,
    uidNext: 1,
    highestModSeq: modSeq,
    messages: 0,
    unseen: 0,
    deleted: 0,
    bytes: 0,
  };
  scope.addMailbox(mailbox);
  return mailbox;
}
