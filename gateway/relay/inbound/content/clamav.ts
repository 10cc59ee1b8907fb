import { reply } from '@postern/shared/smtp/reply.ts';
import type { ContentFinding, ContentRule } from '../inspection.ts';
import { ACCEPT } from '../policy/rule.ts';
import { ClamdPool } from './clamd-pool.ts';
import type { ClamdAnswer } from './clamd-session.ts';
import type { ContentSettings } from './settings.ts';
import { unavailable } from './unavailable.ts';

type ClamavSettings = NonNullable<ContentSettings['clamav']>;

const RULE = 'clamav';
const VIRUS = reply(554, '5.7.1', 'The message contains a virus');

/** Shows each message to clamd by INSTREAM, over connections that are kept. */
export function clamavRule(settings: ClamavSettings): ContentRule {
  const { socketPath, address = '', port, timeoutMs, maxBytes } = settings;
  const pool = new ClamdPool(socketPath === undefined ? { address, port } : { socketPath }, settings.connections);
  return {
    name: RULE,
    async inspect({ content, budgetMs }) {
      return decideClamav(await pool.scan(content.subarray(0, maxBytes), Math.min(timeoutMs, budgetMs)), settings);
    },
    close: () => pool.close(),
  };
}

export function decideClamav(
  answer: ClamdAnswer,
  settings: Pick<ClamavSettings, 'onVirus' | 'onUnavailable'>,
): ContentFinding {
  switch (answer.kind) {
    case 'clean':
      return { verdict: ACCEPT };
    case 'unavailable':
    case 'lost':
      return unavailable(RULE, answer.cause, settings.onUnavailable);
    case 'virus': {
      const reason = `virus ${answer.name}`;
      if (settings.onVirus === 'reject') return { verdict: { kind: 'reject', reply: VIRUS, reason } };
      return { verdict: { kind: settings.onVirus, reason } };
    }
  }
}
