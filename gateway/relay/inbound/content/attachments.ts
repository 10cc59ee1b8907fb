import { reply } from '@postern/shared/smtp/reply.ts';
import type { ContentRule } from '../inspection.ts';
import { ACCEPT, type Verdict } from '../policy/rule.ts';
import { type Attachment, attachmentsOf, BEYOND } from './attachment-search.ts';
import type { ContentSettings } from './settings.ts';

type AttachmentSettings = ContentSettings['attachments'];

const RULE = 'attachments';
const REFUSED = reply(550, '5.7.1', 'An attachment of this kind is not accepted here');
/** Rules about attachments: by name (also of what a zip archive holds), and by what the content really is. */
export function attachmentRule(settings: AttachmentSettings): ContentRule {
  const patterns = settings.names.map((pattern) => ({ pattern, matches: wildcard(pattern) }));
  return {
    name: RULE,
    inspect: ({ content }) =>
      Promise.resolve({ verdict: decideAttachments(attachmentsOf(content, settings.insideZip), patterns, settings) }),
  };
}

export function decideAttachments(
  attachments: Iterable<Attachment | typeof BEYOND>,
  patterns: readonly { readonly pattern: string; readonly matches: RegExp }[],
  settings: Pick<AttachmentSettings, 'types' | 'onFound'>,
): Verdict {
  for (const attachment of attachments) {
    if (attachment === BEYOND) return found(settings, 'more parts than are looked at');
    const { names, kinds } = attachment;
    const pattern = patterns.find(({ matches }) => names.some((name) => matches.test(name)))?.pattern;
    const kind = kinds.find((k) => settings.types.includes(k));
    if (pattern === undefined && kind === undefined) continue;
    // The name is the sender's content and stays out of the log; the rule tells enough.
    const reason = pattern === undefined ? `attachment is of kind ${kind}` : `attachment matches ${pattern}`;
    return found(settings, reason);
  }
  return ACCEPT;
}

function found({ onFound }: Pick<AttachmentSettings, 'onFound'>, reason: string): Verdict {
  return onFound === 'reject' ? { kind: 'reject', reply: REFUSED, reason } : { kind: onFound, reason };
}

/** `*` and `?`; letters of either case; trailing dots and blanks count for nothing, as Windows has it. */
export function wildcard(pattern: string): RegExp {
  const source = [...pattern].map((c) =>
    c === '*' ? '[^]*' : c === '?' ? '[^]' : c.replace(/[\\^$.|+()[\]{}]/g, '\\$&'),
  );
  return new RegExp(`^${source.join('')}[. ]*$`, 'iu');
}
