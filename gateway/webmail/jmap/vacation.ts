import { createHash } from 'node:crypto';
import { textOfHtml } from '@postern/shared/message/html-text.ts';
import { z } from 'zod';
import { objectOf, readSettings, writeSetting } from '../imap/metadata.ts';
import { VACATION } from './capabilities.ts';
import { readArguments, SetFault, utcDate } from './errors.ts';
import type { Method, RequestContext } from './method.ts';
import { answerGet, answerSet, setShape } from './standard.ts';

const ID = 'singleton';
const vacationSchema = z.strictObject({
  isEnabled: z.boolean(),
  fromDate: utcDate.nullable(),
  toDate: utcDate.nullable(),
  subject: z.string().nullable(),
  textBody: z.string().nullable(),
  htmlBody: z.string().nullable(),
});
/** RFC 8621 §8. The store answers in plain text: HTML is kept as the text of it. */
type Vacation = z.infer<typeof vacationSchema>;
const PROPERTIES = ['id', 'isEnabled', 'fromDate', 'toDate', 'subject', 'textBody', 'htmlBody'];
const DEFAULT_TEXT = 'I am away and will read your message when I am back.';

async function read({
  session,
}: RequestContext): Promise<{ state: string; vacation: Vacation; kept: Record<string, unknown> }> {
  const settings = await session.read(({ connection }) => readSettings(connection, ['vacation']));
  const kept = objectOf(settings.get('vacation'));
  const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
  const moment = (value: unknown): string | null =>
    typeof value === 'string' ? new Date(value).toISOString().replace(/\.\d+Z$/, 'Z') : null;
  const vacation = {
    isEnabled: kept.enabled === true,
    fromDate: moment(kept.from),
    toDate: moment(kept.to),
    subject: text(kept.subject),
    textBody: text(kept.text),
    htmlBody: null,
  };
  const state = createHash('sha256').update(JSON.stringify(vacation)).digest('base64url').slice(0, 16);
  return { state, vacation, kept };
}

const get: Method = {
  name: 'VacationResponse/get',
  capability: VACATION,
  async call(args, context) {
    const { state, vacation } = await read(context);
    return answerGet(args, context, {
      state,
      allIds: [ID],
      properties: PROPERTIES,
      find: (id) => (id === ID ? { id, ...vacation } : undefined),
    });
  },
};

const setSchema = z.strictObject(setShape);

const set: Method = {
  name: 'VacationResponse/set',
  capability: VACATION,
  async call(args, context) {
    return answerSet(readArguments(setSchema, args), context, {
      state: async () => (await read(context)).state,
      create: async () => {
        throw new SetFault('singleton');
      },
      destroy: async () => {
        throw new SetFault('singleton');
      },
      async update(id, patch) {
        if (id !== ID) throw new SetFault('notFound');
        const { vacation, kept } = await read(context);
        const wanted = vacationSchema.safeParse({ ...vacation, ...patch });
        if (!wanted.success) {
          const { path, message } = wanted.error.issues[0] ?? { path: [], message: '' };
          throw new SetFault('invalidProperties', message, { properties: [String(path[0] ?? Object.keys(patch)[0])] });
        }
        await write(wanted.data, kept, context);
        return wanted.data.htmlBody === null ? null : { htmlBody: null, textBody: textOf(wanted.data) };
      },
    });
  },
};

const textOf = ({ textBody, htmlBody }: Vacation): string =>
  textBody ?? (htmlBody === null ? DEFAULT_TEXT : textOfHtml(htmlBody));

async function write(vacation: Vacation, kept: Record<string, unknown>, { session }: RequestContext): Promise<void> {
  const { isEnabled, fromDate, toDate, subject } = vacation;
  const { addresses, days } = kept;
  const value = {
    enabled: isEnabled,
    from: fromDate ?? undefined,
    to: toDate ?? undefined,
    subject: subject ?? undefined,
    text: textOf(vacation),
    addresses,
    days,
  };
  const completion = await session.write(({ connection }) =>
    writeSetting(connection, 'vacation', JSON.stringify(value)),
  );
  if (completion.status !== 'OK')
    throw new SetFault('invalidProperties', completion.text, { properties: ['textBody'] });
}

export const VACATION_METHODS: readonly Method[] = [get, set];
