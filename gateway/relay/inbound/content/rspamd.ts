import { Agent, request } from 'node:http';
import { reply } from '@postern/shared/smtp/reply.ts';
import { z } from 'zod';
import type { ContentFinding, ContentRule, Uninspected } from '../inspection.ts';
import { ACCEPT } from '../policy/rule.ts';
import type { ContentSettings } from './settings.ts';
import { Turns } from './turns.ts';
import { unavailable } from './unavailable.ts';

type RspamdSettings = NonNullable<ContentSettings['rspamd']>;

const RULE = 'rspamd';
const SPAM = reply(554, '5.7.1', 'The message looks like spam');
const LATER = reply(451, '4.7.1', 'Please try again later');
const MAX_ANSWER_BYTES = 1_048_576;

const answerSchema = z.object({ action: z.string(), score: z.number(), required_score: z.number().optional() });

/** What rspamd says of one message. */
export type RspamdAnswer =
  | { readonly kind: 'judged'; readonly action: string; readonly score: number }
  | { readonly kind: 'unavailable'; readonly cause: string };

/** Shows each message to rspamd's normal worker by `POST /checkv2`, over connections that are kept. */
export function rspamdRule(settings: RspamdSettings): ContentRule {
  const turns = new Turns(settings.connections);
  const agent = new Agent({ keepAlive: true, maxSockets: settings.connections });
  return {
    name: RULE,
    async inspect(message) {
      const deadline = performance.now() + Math.min(settings.timeoutMs, message.budgetMs);
      const left = (): number => Math.max(1, deadline - performance.now());
      const answer = await turns.take(left(), () => askRspamd(settings.url, agent, message, left()));
      return decideRspamd(answer ?? { kind: 'unavailable', cause: 'busy' }, settings);
    },
    close: () => agent.destroy(),
  };
}

/** rspamd's actions; one that it may learn later is taken for its mildest meaning. */
export function decideRspamd(
  answer: RspamdAnswer,
  settings: Pick<RspamdSettings, 'onSpam' | 'onUnavailable'>,
): ContentFinding {
  if (answer.kind === 'unavailable') return unavailable(RULE, answer.cause, settings.onUnavailable);
  const reason = `${answer.action}, score ${answer.score.toFixed(1)}`;
  switch (answer.action) {
    case 'reject':
      if (settings.onSpam === 'reject') return { verdict: { kind: 'reject', reply: SPAM, reason } };
      return { verdict: { kind: settings.onSpam, reason } };
    case 'soft reject':
    case 'greylist':
      return { verdict: { kind: 'tempfail', reply: LATER, reason } };
    case 'add header':
    case 'rewrite subject':
      return { verdict: { kind: 'junk', reason } };
    case 'quarantine':
      return { verdict: { kind: settings.onSpam === 'quarantine' ? 'quarantine' : 'junk', reason } };
    default:
      return { verdict: ACCEPT };
  }
}

/** Never rejects. */
function askRspamd(url: string, agent: Agent, message: Uninspected, timeoutMs: number): Promise<RspamdAnswer> {
  return new Promise((resolve) => {
    const away = (cause: string): void => resolve({ kind: 'unavailable', cause });
    const asked = request(
      new URL('/checkv2', url),
      { method: 'POST', agent, headers: envelopeHeaders(message), signal: AbortSignal.timeout(Math.ceil(timeoutMs)) },
      (response) => {
        const pieces: Buffer[] = [];
        let bytes = 0;
        response.on('data', (piece: Buffer) => {
          bytes += piece.length;
          if (bytes > MAX_ANSWER_BYTES) asked.destroy(new Error('the answer is too long'));
          else pieces.push(piece);
        });
        response.once('error', (error) => away(error.message));
        response.once('end', () => {
          if (response.statusCode !== 200) away(`status ${response.statusCode}`);
          else resolve(parseRspamdAnswer(Buffer.concat(pieces).toString()));
        });
      },
    );
    asked.once('error', (error) =>
      away(error.name === 'AbortError' || error.name === 'TimeoutError' ? 'late' : error.message),
    );
    asked.end(message.content);
  });
}

export function parseRspamdAnswer(text: string): RspamdAnswer {
  try {
    const { action, score } = answerSchema.parse(JSON.parse(text));
    return { kind: 'judged', action, score };
  } catch {
    // Whatever it is, it is no verdict; the text may hold parts of the message and is not logged.
    return { kind: 'unavailable', cause: 'an answer that cannot be read' };
  }
}

/** rspamd's protocol: who brought the message, and its envelope. */
function envelopeHeaders(message: Uninspected): Record<string, string | string[]> {
  return {
    IP: message.client,
    Helo: headerText(message.helo),
    From: headerText(message.reversePath),
    Rcpt: message.recipients.map(headerText),
    'Queue-Id': message.deliveryId,
    'Content-Length': String(message.content.length),
  };
}

/** UTF-8 octets as node:http sends them; nothing that could end a line. */
function headerText(text: string): string {
  return Buffer.from(text.replace(/[\x00-\x1f\x7f]/g, ' ')).toString('latin1');
}
