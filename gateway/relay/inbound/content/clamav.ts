import { connect, type Socket } from 'node:net';
import { reply } from '@postern/shared/smtp/reply.ts';
import type { ContentFinding, ContentRule } from '../inspection.ts';
import { ACCEPT } from '../policy/rule.ts';
import type { ContentSettings } from './settings.ts';
import { Turns } from './turns.ts';
import { unavailable } from './unavailable.ts';

type ClamavSettings = NonNullable<ContentSettings['clamav']>;

/** What clamd says of one stream. */
export type ClamavAnswer =
  | { readonly kind: 'clean' }
  | { readonly kind: 'virus'; readonly name: string }
  | { readonly kind: 'unavailable'; readonly cause: string };

const RULE = 'clamav';
const VIRUS = reply(554, '5.7.1', 'The message contains a virus');
/** Octets of one chunk of INSTREAM. */
const CHUNK_BYTES = 262_144;
const MAX_ANSWER_BYTES = 4_096;

/** Shows each message to clamd by INSTREAM: one connection a message, as clamd wants it outside of IDSESSION, so many at a time. */
export function clamavRule(settings: ClamavSettings): ContentRule {
  const turns = new Turns(settings.connections);
  return {
    name: RULE,
    async inspect({ content, budgetMs }) {
      const deadline = performance.now() + Math.min(settings.timeoutMs, budgetMs);
      const left = (): number => Math.max(1, deadline - performance.now());
      const answer = await turns.take(left(), () => askClamd(settings, content.subarray(0, settings.maxBytes), left()));
      return decideClamav(answer ?? { kind: 'unavailable', cause: 'busy' }, settings);
    },
  };
}

export function decideClamav(
  answer: ClamavAnswer,
  settings: Pick<ClamavSettings, 'onVirus' | 'onUnavailable'>,
): ContentFinding {
  switch (answer.kind) {
    case 'clean':
      return { verdict: ACCEPT };
    case 'unavailable':
      return unavailable(RULE, answer.cause, settings.onUnavailable);
    case 'virus': {
      const reason = `virus ${answer.name}`;
      if (settings.onVirus === 'reject') return { verdict: { kind: 'reject', reply: VIRUS, reason } };
      return { verdict: { kind: settings.onVirus, reason } };
    }
  }
}

/** clamd(8): `stream: OK`, `stream: NAME FOUND`, or `… ERROR`, ended by NUL because the command began with `z`. */
export function parseClamdAnswer(text: string): ClamavAnswer {
  const line = text.replace(/\0.*$/s, '').trim();
  if (line === 'stream: OK') return { kind: 'clean' };
  const name = /^stream: (.+) FOUND$/.exec(line)?.[1];
  if (name !== undefined) return { kind: 'virus', name: name.replace(/[^ -~]/g, '?').slice(0, 200) };
  return { kind: 'unavailable', cause: line === '' ? 'no answer' : line.slice(0, 200) };
}

/** Never rejects. */
function askClamd(settings: ClamavSettings, content: Buffer, timeoutMs: number): Promise<ClamavAnswer> {
  return new Promise((resolve) => {
    const socket = open(settings);
    let said = '';
    const end = (answer: ClamavAnswer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end({ kind: 'unavailable', cause: 'late' }), timeoutMs);
    socket.once('connect', () => void show(socket, content));
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
      if (said.includes('\0') || said.length > MAX_ANSWER_BYTES) end(parseClamdAnswer(said));
    });
    socket.once('close', () => end(parseClamdAnswer(said)));
    // What it said before the connection broke counts: it answers early when a stream is too long.
    socket.once('error', (error) =>
      end(said === '' ? { kind: 'unavailable', cause: error.message } : parseClamdAnswer(said)),
    );
  });
}

function open({ socketPath, address, port }: ClamavSettings): Socket {
  return socketPath === undefined ? connect({ host: address ?? '', port }) : connect({ path: socketPath });
}

/** clamd(8) INSTREAM: chunks with their length in network order, then a chunk of length zero. */
async function show(socket: Socket, content: Buffer): Promise<void> {
  socket.write('zINSTREAM\0');
  for (let at = 0; at < content.length && !socket.destroyed; at += CHUNK_BYTES) {
    const chunk = content.subarray(at, at + CHUNK_BYTES);
    socket.write(lengthOf(chunk.length));
    if (!socket.write(chunk)) await drained(socket);
  }
  if (!socket.destroyed) socket.write(lengthOf(0));
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      socket.off('drain', go).off('close', go);
      resolve();
    };
    socket.on('drain', go).on('close', go);
  });
}

function lengthOf(octets: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(octets);
  return length;
}
