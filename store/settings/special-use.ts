import type { SpecialUse } from '../mailstore/mailstore.ts';
import type { SettingHandler } from './setting.ts';

const USES: readonly SpecialUse[] = ['\\Drafts', '\\Sent', '\\Junk', '\\Trash', '\\Archive'];

/** RFC 6154 §4: the use of a mailbox, which LIST tells as well. */
export const specialUse: SettingHandler = {
  async read({ mailbox }, entry) {
    return mailbox?.specialUse === undefined ? [] : [{ name: entry.name, value: Buffer.from(mailbox.specialUse) }];
  },
  async write({ mailstore, mailbox }, _name, value) {
    if (mailbox === undefined) return { kind: 'refused', why: 'A mailbox is meant' };
    const text = value?.toString('latin1').toLowerCase();
    const use = USES.find((each) => each.toLowerCase() === text);
    const result = await mailstore.mailboxes.setSpecialUse(mailbox.accountId, mailbox.name, use);
    if (result === 'special-use-taken')
      return { kind: 'refused', code: 'USEATTR', why: 'Another mailbox has this use' };
    return result === 'set' ? 'done' : { kind: 'refused', code: 'NONEXISTENT', why: 'No such mailbox' };
  },
};
