import type { DeletedMessage, Mailstore } from '../mailstore/mailstore.ts';
import { type CommandInput, optional, required, type StoreCommand, Usage } from './command.ts';

/** Most messages that one call lists or restores. */
const MOST = 100_000;

export const undelete: StoreCommand = {
  usage: `undelete --account ADDRESS [--mailbox NAME] [--since TIME] [--restore [--into NAME]]
                                   lists what was deleted and can come back; --restore brings the messages back
  undelete --account ADDRESS --deleted-mailbox ID [--into NAME]
                                   brings a deleted mailbox back, whole`,
  migrates: false,
  async run(mailstore, input, print) {
    const accountId = await accountOf(mailstore, required(input, 'account'));
    if (accountId === undefined) {
      print('no such account');
      return 1;
    }
    const whole = optional(input, 'deleted-mailbox');
    if (whole !== undefined) return restoreMailbox(mailstore, accountId, whole, optional(input, 'into'), print);
    const messages = await mailstore.maintenance.deletedMessages(accountId, {
      mailbox: optional(input, 'mailbox'),
      since: sinceOf(input),
      limit: MOST,
    });
    if (input.options.restore !== true) {
      for (const { id, name, messages: count, deletedAt } of await mailstore.maintenance.deletedMailboxes(accountId)) {
        print(`mailbox\t${id}\t${deletedAt.toISOString()}\t${name}\t${count} messages`);
      }
      for (const message of messages) print(lineOf(message));
      return 0;
    }
    const restored = await mailstore.maintenance.restoreMessages(accountId, messages, optional(input, 'into'));
    for (const { from, mailbox, uid } of restored) print(`restored\tUID ${from.uid}\tas UID ${uid} of ${mailbox}`);
    print(`${restored.length} messages restored`);
    return 0;
  },
};

async function restoreMailbox(
  mailstore: Mailstore,
  accountId: number,
  id: string,
  into: string | undefined,
  print: (line: string) => void,
): Promise<number> {
  if (!/^\d{1,15}$/.test(id)) throw new Usage('--deleted-mailbox wants the number that the list shows');
  const result = await mailstore.maintenance.restoreMailbox(accountId, Number(id), into);
  switch (result.kind) {
    case 'restored':
      print(`restored as ${result.mailbox.name}`);
      return 0;
    case 'exists':
      print('a mailbox of that name exists: give another one by --into');
      return 1;
    case 'invalid-name':
      print(result.why);
      return 1;
    case 'no-such-mailbox':
      print('no such deleted mailbox');
      return 1;
  }
}

async function accountOf(mailstore: Mailstore, address: string): Promise<number | undefined> {
  const wanted = address.toLowerCase();
  return (await mailstore.maintenance.accounts()).find((a) => a.address.toLowerCase() === wanted)?.id;
}

function sinceOf(input: CommandInput): Date | undefined {
  const text = optional(input, 'since');
  if (text === undefined) return undefined;
  const since = new Date(text);
  if (Number.isNaN(since.getTime())) throw new Usage('--since wants a time such as 2026-02-28T12:00:00Z');
  return since;
}

/** Envelopes are content: they are shown to the administrator who asks, and stand in no log. */
function lineOf({ mailbox, uid, expungedAt, expungedBy, sizeBytes, envelope }: DeletedMessage): string {
  const subject = /^\((?:NIL|"[^"]*"|\{\d+\}\r\n) (NIL|"(?:\\.|[^"\\])*")/.exec(envelope?.toString() ?? '')?.[1] ?? '';
  return `message\t${uid}\t${expungedAt.toISOString()}\t${mailbox}\t${sizeBytes}\t${subject}${expungedBy === undefined ? '' : `\tby ${expungedBy}`}`;
}
