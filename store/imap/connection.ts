import type { Socket } from 'node:net';
import { ClientConnection, ConnectionGone } from '../connection/client-connection.ts';
import { CommandFramer, type FramerLimits } from './codec/command.ts';
import { ResponseWriter } from './codec/response.ts';

export { ConnectionGone };

/** The bytes of one IMAP session. */
export class Connection extends ClientConnection<CommandFramer, ResponseWriter> {
  constructor(socket: Socket, limits: FramerLimits, writeTimeoutMs: number) {
    super(socket, new CommandFramer(limits), new ResponseWriter(), writeTimeoutMs);
  }

  get limits(): FramerLimits {
    return this.framer.limits;
  }

  /** Waits for a line outside of a command: DONE, or a SASL response. `interrupted` when `interrupt` fires first. */
  line(
    timeoutMs: number,
    interrupt?: (fire: () => void) => void,
  ): Promise<{ readonly text: string } | 'too-long' | 'timeout' | 'interrupted'> {
    const deadline = performance.now() + timeoutMs;
    return this.taken(
      () => this.framer.nextLine(),
      () => deadline - performance.now(),
      interrupt,
    );
  }
}
