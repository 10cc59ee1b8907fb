import type { Log } from '@postern/shared/runtime/log.ts';
import { programRan } from '@postern/shared/runtime/mail-events.ts';
import type { Delivery, Mailstore } from '../../mailstore/mailstore.ts';
import type { ArrivedMessage, LocalRecipient } from '../arrived-message.ts';
import { askHelper } from './client.ts';
import { judgeEnd, type ProgramVerdict } from './exit-status.ts';

export interface ProgramDeliveryParts {
  readonly settings: { readonly socket: string; readonly timeoutMs: number };
  readonly mailstore: Mailstore;
  readonly log: Log;
}

/** The program, or its helper, wants the message later. */
export class ProgramDeferred extends Error {
  override readonly name = 'ProgramDeferred';
}

/**
 * Delivery by a program of people with a shell account. What the program did cannot be part of our transaction: a store that dies between the program's
 * end and COMMIT runs it again when the gateway comes back. Nothing is lost; what is delivered exactly once everywhere else, may come twice here.
 */
export class ProgramDelivery {
  readonly #parts: ProgramDeliveryParts;

  constructor(parts: ProgramDeliveryParts) {
    this.#parts = parts;
  }

  /**
   * Runs the program, unless this delivery has been done before. What is left to do in the store: `plain` as it is when the mailbox keeps the message. Rejects
   * with {@link ProgramDeferred}.
   */
  async judge(plain: Delivery, message: ArrivedMessage, recipient: LocalRecipient): Promise<Delivery> {
    const { shell } = recipient;
    if (shell === undefined) return plain;
    // The delivery will answer what was recorded.
    if ((await this.#parts.mailstore.deliveries.recorded(plain.key)) !== undefined) return plain;
    const verdict = await this.#run(message, recipient, shell);
    const { deliveryId } = message;
    const cause = 'cause' in verdict ? verdict.cause : undefined;
    programRan(this.#parts.log, { deliveryId, to: recipient.address, user: shell.user, verdict: verdict.kind, cause });
    switch (verdict.kind) {
      case 'taken':
        return { ...plain, into: [] };
      case 'refused':
        return { ...plain, into: [], outcome: 'failed', reply: verdict.reply };
      case 'kept':
        return plain;
      case 'later':
        throw new ProgramDeferred(verdict.cause);
    }
  }

  async #run(
    message: ArrivedMessage,
    recipient: LocalRecipient,
    shell: NonNullable<LocalRecipient['shell']>,
  ): Promise<ProgramVerdict> {
    const { socket, timeoutMs } = this.#parts.settings;
    const request = { ...shell, sender: message.reversePath, recipient: recipient.address };
    const end = await askHelper(socket, timeoutMs, request, message.bytes);
    if (end.kind === 'away') return { kind: 'later', cause: `the helper is away: ${end.cause}` };
    // Whether it ran, nobody knows: a copy too many is better than one too few.
    if (end.kind === 'unknown') return { kind: 'kept', cause: `the end of the program is not known: ${end.cause}` };
    return judgeEnd(end);
  }
}
