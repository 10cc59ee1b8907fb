import { connect } from 'node:net';
import type { ProgramEnd } from './exit-status.ts';
import { answerSchema, MAX_HEAD_BYTES, type ProgramRequest } from './request.ts';

export type HelperAnswer =
  | ProgramEnd
  | { readonly kind: 'away'; readonly cause: string }
  | { readonly kind: 'unknown'; readonly cause: string };

/** Asks the helper to run its program for a message. Never rejects: `away` has not run it, `unknown` may have. */
export function askHelper(
  socketPath: string,
  timeoutMs: number,
  request: Omit<ProgramRequest, 'messageBytes'>,
  message: Buffer,
): Promise<HelperAnswer> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    let heard = '';
    let asked = false;
    let cause = 'the helper closed the connection';
    const timer = setTimeout(() => {
      cause = 'the helper did not answer in time';
      socket.destroy();
    }, timeoutMs);
    socket.once('connect', () => {
      asked = true;
      socket.write(`${JSON.stringify({ ...request, messageBytes: message.length })}\n`);
      socket.write(message);
    });
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('utf8');
      if (heard.length > MAX_HEAD_BYTES) socket.destroy();
    });
    socket.once('error', (error) => {
      cause = error.message;
    });
    socket.once('close', () => {
      clearTimeout(timer);
      const answer = parseAnswer(heard);
      // Asked and not answered: the program may have run.
      resolve(answer ?? { kind: asked ? 'unknown' : 'away', cause });
    });
  });
}

function parseAnswer(line: string): ProgramEnd | undefined {
  if (!line.endsWith('\n')) return undefined;
  try {
    return answerSchema.parse(JSON.parse(line));
  } catch {
    // What cannot be read is as good as no answer.
    return undefined;
  }
}
