import { createHash } from 'node:crypto';
import type { SieveError } from '@postern/shared/settings/sieve.ts';
import { addressField, composeMessage, textBody, unstructured } from './composed-message.ts';

/** A script that fails is told of once a day, not once a message. */
const REPEATED_AFTER_MS = 86_400_000;

/** A script's failure, as the user is told of it: in METADATA, and by a message in the INBOX. */
export function errorNotice(
  error: SieveError,
  to: { readonly owner: string; readonly hostname: string; readonly messageId: string; readonly at: Date },
): { readonly content: Buffer; readonly once: { readonly key: Buffer; readonly untilMs: number } } {
  const where = error.line > 0 ? `, line ${error.line}` : '';
  const content = composeMessage({
    fields: [
      ['From', addressField('Mail filter', `postmaster@${to.hostname}`)],
      ['To', addressField(undefined, to.owner)],
      ['Subject', unstructured(`Your mail filter has stopped: ${error.script}${where}`)],
      ['Auto-Submitted', 'auto-generated'],
    ],
    date: to.at,
    messageId: to.messageId,
    body: textBody(
      `A message has come in to which your mail filter could not be applied.\nThe message was kept in your INBOX; nothing is lost.\n\n` +
        `Script:  ${error.script}\nLine:    ${error.line > 0 ? error.line : '-'}\nProblem: ${error.message}\n\n` +
        `You are told this once a day, as long as it goes on.\n`,
    ),
  });
  const key = createHash('sha256').update(`error\0${error.script}\0${error.line}`).digest();
  return { content, once: { key, untilMs: to.at.getTime() + REPEATED_AFTER_MS } };
}
