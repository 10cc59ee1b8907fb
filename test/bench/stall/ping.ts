import { setTimeout as pause } from 'node:timers/promises';
import { ImapWire } from '../imap/imap-wire.ts';
import { MAILBOX } from '../imap/tasks.ts';

/** Between two questions of a session that waits for answers. */
const PAUSE_MS = 5;

/**
 * A process of its own, whose event loop nothing else holds up: asks NOOP again and again, from its first message to its second, and
 * then tells how long each answer took. Arguments: port, host, user, password.
 */
const [port, host, user = '', password = ''] = process.argv.slice(2);
const wire = await ImapWire.connect(Number(port), host);
await wire.login(user, password);
await wire.command(`EXAMINE ${MAILBOX}`);
let times: number[] | undefined;
process.on('message', () => {
  if (times === undefined) {
    times = [];
    void ask(times);
    return;
  }
  process.send?.(times);
  times = undefined;
});
process.on('disconnect', () => process.exit());
process.send?.('ready');

async function ask(into: number[]): Promise<void> {
  while (times === into) {
    const { milliseconds } = await wire.command('NOOP');
    into.push(milliseconds);
    await pause(PAUSE_MS);
  }
}
