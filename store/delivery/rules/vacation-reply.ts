import { createHash } from 'node:crypto';
import { addressText, type SieveMessage } from '../../sieve/message.ts';
import type { VacationAction } from '../../sieve/run.ts';
import { whyNoAnswer } from './automatic-mail.ts';
import { addressField, composeMessage, entityBody, senderField, textBody, unstructured } from './composed-message.ts';

/** Fields that name the recipients (RFC 5230 §4.5). */
const RECIPIENT_FIELDS = ['to', 'cc', 'bcc', 'resent-to', 'resent-cc', 'resent-bcc'];

export interface VacationContext {
  readonly message: SieveMessage;
  readonly reversePath: string;
  /** Address of the account, and the one that the sender used. */
  readonly ownAddresses: readonly string[];
  readonly receivedAt: Date;
  readonly messageId: string;
}

/** Key under which the account remembers that this sender had this answer (RFC 5230 §4.2). */
export function vacationKey(handle: string, sender: string): Buffer {
  return createHash('sha256').update(`vacation\0${handle}\0${sender.toLowerCase()}`).digest();
}

/** The answer, or why there is none (RFC 5230 §4.5, §4.6; RFC 3834 §2). */
export function vacationReply(action: VacationAction, context: VacationContext): Buffer | string {
  const { message, reversePath, ownAddresses } = context;
  const why = whyNoAnswer(message, reversePath);
  if (why !== undefined) return why;
  const own = new Set([...ownAddresses, ...action.addresses].map((address) => address.toLowerCase()));
  if (own.has(reversePath.toLowerCase())) return 'the sender is the user';
  const { header } = message;
  const isNamed = RECIPIENT_FIELDS.some((name) =>
    header.named(name).some((field) => header.mailboxesOf(field).some((m) => own.has(addressText(m).toLowerCase()))),
  );
  if (!isNamed) return 'the user is not among the recipients in the header';
  const body = action.mime ? entityBody(action.reason) : textBody(action.reason);
  if (body === undefined) return 'the text is no MIME entity';
  const originalId = header.first('message-id');
  const subject = header.first('subject');
  return composeMessage({
    fields: [
      ['From', senderField(action.from) ?? addressField(undefined, ownAddresses[0] ?? '')],
      ['To', addressField(undefined, reversePath)],
      // RFC 5230 §5.3.
      ['Subject', unstructured(action.subject ?? (subject ? `Auto: ${subject}` : 'Automated reply'))],
      ['In-Reply-To', referencesOf(undefined, originalId)],
      ['References', referencesOf(header.first('references'), originalId)],
      ['Auto-Submitted', 'auto-replied (vacation)'],
    ],
    date: context.receivedAt,
    messageId: context.messageId,
    body,
  });
}

/** RFC 5322 §3.6.4; of a long thread the last ancestors. */
export function referencesOf(references: string | undefined, id: string | undefined): string | undefined {
  const ids = `${references ?? ''} ${id ?? ''}`.match(/<[^<>\s]{1,250}>/g) ?? [];
  return ids.length === 0 ? undefined : [...new Set(ids)].slice(-20).join(' ');
}
