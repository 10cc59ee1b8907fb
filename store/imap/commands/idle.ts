import { bad, ok } from '../completion.ts';
import { Goodbye } from '../goodbye.ts';
import { type Command, noArguments, SIGNED_IN } from './command.ts';

/** RFC 9051 §6.3.13, RFC 2177: what changes is told at once, until DONE. */
export const idle: Command<undefined> = {
  name: 'IDLE',
  states: SIGNED_IN,
  expunges: true,
  capability: 'IDLE',
  read: noArguments,
  async act(session) {
    const { idleKeepaliveMs } = session.services.config;
    const selected = session.state === 'selected' ? session.selected : undefined;
    session.out.line('+ idling');
    await session.tellChanges({ expunges: true, refresh: true });
    await session.connection.flow(true);
    try {
      for (;;) {
        session.checkEnding();
        await session.tellEvents();
        const line = await session.connection.line(idleKeepaliveMs, (wake) => {
          session.onInterrupt(wake);
          if (selected === undefined) return;
          selected.wake = wake;
          if (selected.stale) wake();
        });
        session.checkEnding();
        if (line === 'interrupted') await session.tellChanges({ expunges: true, refresh: false });
        // A sign of life keeps the client's way through NAT open.
        else if (line === 'timeout') session.out.line('* OK Still here');
        else if (line !== 'too-long' && line.text.toUpperCase() === 'DONE') return ok('IDLE completed');
        else return bad('Expected DONE');
        await session.connection.flow(true);
        if (session.connection.gone) throw new Goodbye('Connection closed');
      }
    } finally {
      session.onInterrupt(undefined);
      if (selected !== undefined) selected.wake = undefined;
    }
  },
};
