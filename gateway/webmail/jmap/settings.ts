import { z } from 'zod';
import { readSettings, writeSetting } from '../imap/metadata.ts';
import { addressesForm, fieldsNamed } from '../mail/header-forms.ts';
import { readStored } from '../mail/stored-messages.ts';
import { SETTINGS } from './capabilities.ts';
import { idSchema, MethodError, readArguments, type SetError } from './errors.ts';
import { roleOf } from './mailbox-view.ts';
import type { Method } from './method.ts';

/** The settings that a client may ask for; each is a METADATA entry of the store's closed list (docs/webmail.md). */
const NAME =
  /^(?:preferences|sieve-active|sieve-error|outbox-sends|second-factor|(?:sieve|app-password)\/[a-z0-9._-]{1,64})$/;
const FAMILY = /^(?:sieve|app-password)$/;

const getSchema = z.strictObject({ accountId: idSchema, names: z.array(z.string()).min(1).max(20) });

/** `{accountId, names: ["preferences", "sieve"]}` → `{list: [{name, value}]}`; a family without a name gives all of it. */
const get: Method = {
  name: 'Setting/get',
  capability: SETTINGS,
  async call(args, context) {
    const { accountId, names } = readArguments(getSchema, args);
    context.checkAccount(accountId);
    const unknown = names.find((name) => !NAME.test(name) && !FAMILY.test(name));
    if (unknown !== undefined) throw new MethodError('invalidArguments', `no setting ${JSON.stringify(unknown)}`);
    const found = await context.session.read(({ connection }) => readSettings(connection, names));
    const list = [...found].map(([name, value]) => ({ name, value: value.toString('utf8') }));
    return { accountId, list };
  },
};

const setSchema = z.strictObject({
  accountId: idSchema,
  update: z.record(z.string(), z.string().max(262_144).nullable()),
});

/** `{accountId, update: {name: value or null}}` → `{updated: [name], notUpdated: {name: SetError}}`; the store's own words say why not. */
const set: Method = {
  name: 'Setting/set',
  capability: SETTINGS,
  async call(args, context) {
    const { accountId, update } = readArguments(setSchema, args);
    context.checkAccount(accountId);
    const updated: string[] = [];
    const notUpdated: Record<string, SetError> = {};
    for (const [name, value] of Object.entries(update).slice(0, 50)) {
      if (!NAME.test(name)) {
        notUpdated[name] = { type: 'notFound' };
        continue;
      }
      const completion = await context.session.write(({ connection }) =>
        writeSetting(connection, name, value ?? undefined),
      );
      if (completion.status === 'OK') updated.push(name);
      else notUpdated[name] = { type: typeOf(completion.code), description: completion.text };
    }
    return { accountId, updated, notUpdated: Object.keys(notUpdated).length > 0 ? notUpdated : null };
  },
};

function typeOf(code: string): string {
  if (/^(?:NOPERM|AUTHENTICATIONFAILED)/i.test(code)) return 'forbidden';
  if (/^METADATA (?:MAXSIZE|TOOMANY)|^LIMIT/i.test(code)) return 'tooLarge';
  return /^UNAVAILABLE/i.test(code) ? 'serverUnavailable' : 'invalidProperties';
}

const recipientsSchema = z.strictObject({
  accountId: idSchema,
  text: z.string().max(200),
  limit: z.int().min(1).max(50).default(10),
});
/** The newest messages of Sent from which recipients are gathered. */
const MOST_SENT = 500;

/** `{accountId, text, limit?}` → `{list: [{name, email}]}`: whom the user wrote to, the most frequent first. */
const recipients: Method = {
  name: 'Recipient/query',
  capability: SETTINGS,
  async call(args, context) {
    const { accountId, text, limit } = readArguments(recipientsSchema, args);
    context.checkAccount(accountId);
    const index = await context.index();
    const sent = [...index.mailboxes.values()].find(({ listed }) => roleOf(listed) === 'sent');
    const newest = [...(sent?.byUid.values() ?? [])]
      .sort((a, b) => b.receivedAtMs - a.receivedAtMs)
      .slice(0, MOST_SENT);
    const sources = await readStored(context.session, newest, {
      fields: ['To', 'Cc', 'Bcc'],
      structure: false,
      preview: false,
    });
    const counted = new Map<string, { name: string | null; email: string; count: number }>();
    for (const email of newest) {
      const fields = sources.get(email.id)?.fields ?? [];
      const addresses = ['to', 'cc', 'bcc'].flatMap((name) =>
        fieldsNamed(fields, name).flatMap(({ value }) => addressesForm(value)),
      );
      for (const { name, email: address } of addresses) {
        const key = address.toLowerCase();
        const known = counted.get(key) ?? { name, email: address, count: 0 };
        counted.set(key, { ...known, name: known.name ?? name, count: known.count + 1 });
      }
    }
    const wanted = text.trim().toLowerCase();
    const fits = ({ name, email }: { name: string | null; email: string }): boolean =>
      email.toLowerCase().startsWith(wanted) ||
      `${name ?? ''} ${email}`
        .toLowerCase()
        .split(/[\s@.<"]+/)
        .some((word) => word.startsWith(wanted));
    const list = [...counted.values()]
      .filter(fits)
      .sort((a, b) => b.count - a.count)
      .slice(0, limit)
      .map(({ name, email }) => ({ name, email }));
    return { accountId, list };
  },
};

export const SETTINGS_METHODS: readonly Method[] = [get, set, recipients];
