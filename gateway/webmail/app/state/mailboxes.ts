import { computed, signal } from '@preact/signals';
import { call } from '../jmap/request.ts';
import type { GetAnswer, Mailbox, SetAnswer } from '../jmap/types.ts';

export const mailboxes = signal<ReadonlyMap<string, Mailbox>>(new Map());
export const mailboxesLoaded = signal(false);
let state = '';

export async function loadMailboxes(): Promise<void> {
  const answer = await call<GetAnswer<Mailbox>>('Mailbox/get', { ids: null });
  state = answer.state;
  mailboxes.value = new Map(answer.list.map((mailbox) => [mailbox.id, mailbox]));
  mailboxesLoaded.value = true;
}

/** Counts and names, when the server's state is another than ours. */
export async function refreshMailboxes(newState: string | undefined): Promise<void> {
  if (newState === undefined || newState !== state) await loadMailboxes();
}

export interface MailboxNode {
  readonly mailbox: Mailbox;
  readonly depth: number;
}

/** By role first, then by name; children below their parents. */
export const mailboxTree = computed<readonly MailboxNode[]>(() => {
  const all = [...mailboxes.value.values()].sort(
    (a, b) =>
      a.sortOrder - b.sortOrder || a.name.localeCompare(b.name, undefined, { sensitivity: 'base', numeric: true }),
  );
  const nodes: MailboxNode[] = [];
  const add = (parentId: string | null, depth: number): void => {
    for (const mailbox of all) {
      if (mailbox.parentId !== parentId) continue;
      nodes.push({ mailbox, depth });
      add(mailbox.id, depth + 1);
    }
  };
  add(null, 0);
  return nodes;
});

export function mailboxByRole(role: string): Mailbox | undefined {
  for (const mailbox of mailboxes.value.values()) if (mailbox.role === role) return mailbox;
  return undefined;
}

/** A mailbox by its id or its role. */
export function findMailbox(idOrRole: string): Mailbox | undefined {
  return mailboxes.value.get(idOrRole) ?? mailboxByRole(idOrRole);
}

/** Shows other counts at once; the server's follow. */
export function adjustCounts(mailboxId: string, change: { readonly total?: number; readonly unread?: number }): void {
  const mailbox = mailboxes.value.get(mailboxId);
  if (mailbox === undefined) return;
  const { total = 0, unread = 0 } = change;
  const changed = {
    ...mailbox,
    totalEmails: Math.max(0, mailbox.totalEmails + total),
    unreadEmails: Math.max(0, mailbox.unreadEmails + unread),
  };
  mailboxes.value = new Map(mailboxes.value).set(mailboxId, changed);
}

type MailboxChange = Partial<Pick<Mailbox, 'name' | 'parentId' | 'isSubscribed'>>;

/** Creates, changes or destroys one mailbox, and reads all anew. Answers the new one's id. @throws Error with the server's words */
export async function setMailbox(
  what:
    | { readonly create: MailboxChange & { readonly role?: string } }
    | { readonly id: string; readonly update: MailboxChange }
    | { readonly destroy: string },
): Promise<string | undefined> {
  const answer = await call<SetAnswer>(
    'Mailbox/set',
    'create' in what
      ? { create: { new: what.create } }
      : 'destroy' in what
        ? { destroy: [what.destroy], onDestroyRemoveEmails: true }
        : { update: { [what.id]: what.update } },
  );
  const failed = Object.values({ ...answer.notCreated, ...answer.notUpdated, ...answer.notDestroyed })[0];
  if (failed !== undefined) throw new Error(failed.description ?? failed.type);
  await loadMailboxes();
  return answer.created?.new?.id;
}

/** The mailbox of a role, made when there is none. */
export async function ensureMailbox(role: 'archive' | 'junk' | 'trash' | 'sent' | 'drafts'): Promise<Mailbox> {
  const there = mailboxByRole(role);
  if (there !== undefined) return there;
  const id = await setMailbox({ create: { name: role[0]?.toUpperCase() + role.slice(1), role } });
  const made = mailboxes.value.get(id ?? '');
  if (made === undefined) throw new Error(`no mailbox for ${role}`);
  return made;
}
