import type { EmailHead } from '../jmap/types.ts';

/** What of an email's keywords and mailboxes is set and taken away: JSON pointers (RFC 8620 §5.3). */
export type Patch = Readonly<Record<string, true | null>>;

/** RFC 6901 §3: `~1` is a slash, `~0` a tilde. */
export const escapePath = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');
const unescapePath = (name: string): string => name.replaceAll('~1', '/').replaceAll('~0', '~');

/** `keywords/…` or `mailboxIds/…` as the property and the name in it. */
export function readPath(path: string): readonly [property: 'keywords' | 'mailboxIds', name: string] {
  const [property = '', name = ''] = path.split('/').map(unescapePath);
  return [property === 'keywords' ? property : 'mailboxIds', name];
}

export function patched(email: EmailHead, patch: Patch): EmailHead {
  const changed = { keywords: { ...email.keywords }, mailboxIds: { ...email.mailboxIds } };
  for (const [path, value] of Object.entries(patch)) {
    const [property, name] = readPath(path);
    if (value === null) delete changed[property][name];
    else changed[property][name] = true;
  }
  return { ...email, ...changed };
}

/** Changes that were asked for and not yet answered, by email. What is read meanwhile may not know of them. */
const asked = new Map<string, Patch[]>();

/** Keeps patches in force over what is read, until the answer is called. */
export function keepAsked(patches: ReadonlyMap<string, Patch>): () => void {
  for (const [id, patch] of patches) asked.set(id, [...(asked.get(id) ?? []), patch]);
  return () => {
    for (const [id, patch] of patches) {
      const left = (asked.get(id) ?? []).filter((each) => each !== patch);
      if (left.length === 0) asked.delete(id);
      else asked.set(id, left);
    }
  };
}

export const withAsked = (email: EmailHead): EmailHead => (asked.get(email.id) ?? []).reduce(patched, email);
