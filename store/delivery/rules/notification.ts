import { readMailto } from '../../sieve/mailto.ts';
import type { SieveMessage } from '../../sieve/message.ts';
import type { NotifyAction } from '../../sieve/run.ts';
import { isAutoSubmitted } from './automatic-mail.ts';
import { addressField, composeMessage, oneLine, senderField, textBody, unstructured } from './composed-message.ts';
import { referencesOf } from './vacation-reply.ts';

export interface NotificationContext {
  readonly message: SieveMessage;
  readonly owner: string;
  readonly receivedAt: Date;
  readonly messageId: string;
}

const IMPORTANCE = { '1': 'high', '2': 'normal', '3': 'low' } as const;

/** The notification and whom it goes to, or why there is none (RFC 5436 §2.7). */
export function notification(
  action: NotifyAction,
  { message, owner, receivedAt, messageId }: NotificationContext,
): { readonly content: Buffer; readonly recipients: readonly string[] } | string {
  const mailto = readMailto(action.method);
  if (mailto === undefined) return 'no mailto: address';
  if (isAutoSubmitted(message)) return 'Auto-Submitted';
  const { header } = message;
  const sender = oneLine(header.first('from') ?? '');
  const subject = action.message ?? mailto.subject ?? header.first('subject') ?? 'New message';
  const content = composeMessage({
    fields: [
      ['Auto-Submitted', `auto-notified; owner-email="${owner}"`],
      ['From', senderField(action.from) ?? addressField(undefined, owner)],
      ['To', mailto.recipients.map((address) => addressField(undefined, address)).join(', ')],
      ['Subject', unstructured(subject)],
      ['References', referencesOf(undefined, header.first('message-id'))],
      ['Importance', IMPORTANCE[action.importance]],
      ...mailto.fields.map(([name, value]) => [capitalised(name), unstructured(value)] as const),
    ],
    date: receivedAt,
    messageId,
    body: textBody(mailto.body ?? `A message has arrived from ${sender === '' ? 'an unknown sender' : sender}.`),
  });
  return { content, recipients: mailto.recipients };
}

const capitalised = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1);
