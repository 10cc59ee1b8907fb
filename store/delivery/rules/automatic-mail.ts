import type { SieveMessage } from '../../sieve/message.ts';

/** RFC 3834 §2, RFC 5230 §4.6: fields that lists and robots put into their mail. */
const LIST_FIELDS = [
  'list-id',
  'list-help',
  'list-subscribe',
  'list-unsubscribe',
  'list-post',
  'list-owner',
  'list-archive',
];

/** RFC 5230 §4.6: local parts that no answer goes to. */
const ROBOTS =
  /^(?:mailer-daemon|listserv|majordomo|mailman|no-?reply|do-?not-?reply|noreply.*|owner-.*|.*-owner|.*-request|.*-bounces?|bounces?|bounce[+-].*)(?:\+.*)?$/i;

/** Why no robot may answer this message; undefined: one may. */
export function whyNoAnswer(message: SieveMessage, reversePath: string): string | undefined {
  const { header } = message;
  if (reversePath === '' || !reversePath.includes('@')) return 'the reverse-path is null';
  if (ROBOTS.test(reversePath.slice(0, reversePath.lastIndexOf('@')))) return 'the sender is a robot';
  if (isAutoSubmitted(message)) return 'Auto-Submitted';
  const list = LIST_FIELDS.find((name) => header.named(name).length > 0);
  if (list !== undefined) return list;
  if (/^\s*(?:bulk|list|junk)\b/i.test(header.first('precedence') ?? '')) return 'Precedence';
  // Microsoft's field, which asks for the same.
  if (/\b(?:all|oof|autoreply)\b/i.test(header.first('x-auto-response-suppress') ?? ''))
    return 'X-Auto-Response-Suppress';
  return undefined;
}

/** RFC 3834 §5: a robot wrote it. */
export function isAutoSubmitted({ header }: SieveMessage): boolean {
  const value = header.first('auto-submitted');
  return value !== undefined && !/^no\s*(?:;|$)/i.test(value);
}

/** Whether the gateway found the sender to be who the reverse-path says (its Authentication-Results stands first: RFC 8601 §5). */
export function senderIsAuthenticated({ header }: SieveMessage): boolean {
  return /\b(?:spf|dkim)=pass\b/i.test(header.first('authentication-results') ?? '');
}
