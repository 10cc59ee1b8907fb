import { createHash } from 'node:crypto';
import type { InboxSeen } from './mailbox-reader.ts';
import type { Attempt } from './smtp-sender.ts';

/** What does not fit between what senders were told and what the mailboxes hold; empty when all is well. */
export function compareWithInboxes(attempts: readonly Attempt[], inboxes: readonly InboxSeen[]): string[] {
  const faults: string[] = [];
  const byId = new Map(attempts.map((attempt) => [attempt.message.id, attempt]));
  const copies = new Map<string, number>();
  for (const { address, messages } of inboxes) {
    for (const { uid, bytes } of messages) {
      const id = /^X-Fault-Id: (\S+)\r$/m.exec(bytes.toString('latin1'))?.[1] ?? '';
      const sent = byId.get(id)?.message;
      if (sent === undefined) {
        faults.push(`${address} UID ${uid}: nobody sent it (${id})`);
        continue;
      }
      copies.set(`${id} ${address}`, (copies.get(`${id} ${address}`) ?? 0) + 1);
      const trace = bytes.subarray(0, bytes.length - sent.bytes.length);
      if (sha256(bytes.subarray(trace.length)) !== sha256(sent.bytes))
        faults.push(`${address} UID ${uid}: other bytes`);
      // RFC 5321 §4.4: Return-Path, then the store's and the gateway's Received.
      const fields = trace.toString('latin1').match(/^[!-9;-~]+(?=:)/gm) ?? [];
      if (fields.join() !== 'Return-Path,Received,Received')
        faults.push(`${address} UID ${uid}: trace ${fields.join()}`);
    }
  }
  const addresses = inboxes.map((inbox) => inbox.address);
  for (const attempt of attempts) {
    for (const address of addresses) {
      const found = copies.get(`${attempt.message.id} ${address}`) ?? 0;
      const due = attempt.kind === 'accepted' && attempt.accounts.includes(address);
      if (due && found !== 1)
        faults.push(`${attempt.message.id}: answered 250, ${found} times in ${address} (${attempt.reply})`);
      else if (attempt.kind === 'refused' && found > 0)
        faults.push(`${attempt.message.id}: refused (${attempt.reply}), and in ${address}`);
      else if (!due && found > 1) faults.push(`${attempt.message.id}: ${attempt.kind}, ${found} times in ${address}`);
    }
  }
  for (const { address, exists, uidNext, messages } of inboxes) {
    if (messages.length !== exists) faults.push(`${address}: EXISTS ${exists}, fetched ${messages.length}`);
    for (const [i, { uid }] of messages.entries()) {
      if (i > 0 && uid <= (messages[i - 1]?.uid ?? 0)) faults.push(`${address}: UID ${uid} does not ascend`);
    }
    const last = messages.at(-1)?.uid ?? 0;
    if (uidNext <= last) faults.push(`${address}: UIDNEXT ${uidNext} after UID ${last}`);
  }
  return faults;
}

/** How the attempts ended, for the screen. */
export function countAttempts(attempts: readonly Attempt[]): Record<Attempt['kind'], number> {
  const count = { accepted: 0, refused: 0, unanswered: 0 };
  for (const attempt of attempts) count[attempt.kind]++;
  return count;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
