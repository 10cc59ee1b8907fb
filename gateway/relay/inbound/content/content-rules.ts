import type { ContentRule } from '../inspection.ts';
import { attachmentRule } from './attachments.ts';
import { clamavRule } from './clamav.ts';
import { rspamdRule } from './rspamd.ts';
import type { ContentSettings } from './settings.ts';

/** The rules about content that the configuration switches on. */
export function contentRules({ clamav, rspamd, attachments }: ContentSettings): ContentRule[] {
  const rules: ContentRule[] = [];
  if (attachments.names.length > 0 || attachments.types.length > 0) rules.push(attachmentRule(attachments));
  if (clamav !== undefined) rules.push(clamavRule(clamav));
  if (rspamd !== undefined) rules.push(rspamdRule(rspamd));
  return rules;
}
