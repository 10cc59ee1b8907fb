import { setTimeout as pause } from 'node:timers/promises';
import type { TestStack } from '../support/stack.ts';
import type { SentMessage } from './sent-message.ts';
import { type Attempt, NotReached, SmtpSender } from './smtp-sender.ts';

/** One session after the other on its own lane; takes the next message that was let go. */
export async function runSession(
  stack: TestStack,
  waiting: SentMessage[],
  attempts: Attempt[],
  keepsConnection: boolean,
  stop: AbortSignal,
): Promise<void> {
  let sender: SmtpSender | undefined;
  while (!stop.aborted || waiting.length > 0) {
    const message = waiting.shift();
    if (message === undefined) {
      await pause(5);
      continue;
    }
    for (;;) {
      try {
        sender = sender?.usable === true ? sender : await SmtpSender.open(stack.endpoints.smtp);
        break;
      } catch (error) {
        if (!(error instanceof NotReached)) throw error;
        await pause(20);
      }
    }
    attempts.push(await sender.send(message));
    if (!keepsConnection) sender.close();
  }
  sender?.close();
}
