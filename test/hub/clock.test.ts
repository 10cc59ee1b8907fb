import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeOwnClock, type OwnClock, ownClockMissing } from '../faults/own-clock.ts';
import { type HubStack, startHubStack } from '../support/hub.ts';
import { openLmtp } from '../support/lmtp-dialogue.ts';

const HOUR = 3_600;
const FROM = 'user1@domain1.example';
const missing = ownClockMissing();
if (missing !== undefined) console.log(`skipped: a hub whose clock is put back: ${missing}`);

let stack: HubStack;
let clock: OwnClock;

/** Database and store have the clock that jumps; pauses are the usual ones, so that nobody waits for the end of one. */
beforeAll(async () => {
  if (missing !== undefined) return;
  clock = makeOwnClock();
  stack = await withClock((put) =>
    startHubStack({
      queue: { retryMs: 600_000, maxRetryMs: 3_600_000 },
      // slapd does not start with a clock that is not the system's.
      async beforeStore({ database }) {
        await database.shutdown();
        put();
        await database.start();
      },
    }),
  );
});

afterAll(async () => {
  await stack?.stop();
  clock?.remove();
});

/** Processes that are started after `put` was called have the clock. */
async function withClock<T>(start: (put: () => void) => Promise<T>): Promise<T> {
  try {
    return await start(() => void Object.assign(process.env, clock.environment));
  } finally {
    for (const name of Object.keys(clock.environment)) delete process.env[name];
  }
}

const raw = (subject: string): string => `From: ${FROM}\r\nSubject: ${subject}\r\n\r\nx\r\n`;
const send = (subject: string): Promise<unknown> =>
  stack.mailer(FROM).sendMail({ envelope: { from: FROM, to: [`${subject}@far.example`] }, raw: raw(subject) });
const outside = (subject: string): Promise<unknown> =>
  stack.relay.next(({ content }) => content.includes(`Subject: ${subject}\r\n`));

/** Hands over what is to wait for an hour (RFC 4865), and gives its queue id. */
async function schedule(subject: string): Promise<string> {
  const smtp = await openLmtp({ port: stack.store.ready.submissions as number, ca: stack.pki.ca });
  await smtp.say('EHLO client.example');
  await smtp.say(`AUTH PLAIN ${Buffer.from(`\0${FROM}\0user1`).toString('base64')}`);
  await smtp.say(`MAIL FROM:<${FROM}> HOLDFOR=${HOUR}`);
  await smtp.say('RCPT TO:<later@far.example>');
  const [queued = ''] = await smtp.data(raw(subject), 1);
  smtp.close();
  return /Queued as ([0-9a-f]{32})/.exec(queued)?.[1] ?? '';
}

it.skipIf(missing !== undefined)(
  'a clock put back by hours holds up no message, before or after a restart; what has a release time goes by the clock of the day',
  async () => {
    await send('as-ever');
    await outside('as-ever');

    clock.set(5 * HOUR);
    stack.relay.refuse = ({ length }) => (length > 0 ? reply(451, '4.3.2', 'Not now') : undefined);
    const scheduled = await schedule('at its time');
    await send('put-off');
    await stack.store.logged({ event: 'deferred', to: 'put-off@far.example' });
    stack.relay.refuse = () => undefined;
    clock.set(0);
    // Its next try was to be in five hours and ten minutes; what is new is due by the same clock.
    await Promise.all([outside('put-off'), send('after-it').then(() => outside('after-it'))]);

    clock.set(5 * HOUR);
    stack.relay.refuse = () => reply(451, '4.3.2', 'Not now');
    await send('over-a-restart');
    await stack.store.logged({ event: 'deferred', to: 'over-a-restart@far.example' });
    await stack.store.kill();
    stack.relay.refuse = () => undefined;
    clock.set(0);
    await withClock((put) => {
      put();
      return stack.restart();
    });
    await outside('over-a-restart');

    const imap = await stack.dialogue(FROM);
    const entry = `/private/vendor/postern/submission/smtp-${scheduled}`;
    expect(await imap.command(`GETMETADATA "" (${entry})`)).toMatch(/\\"state\\":\\"pending\\"/);
    imap.close();
    expect(stack.relay.messages.some(({ content }) => content.includes('Subject: at its time'))).toBe(false);
    clock.set(6 * HOUR + 60);
    await outside('at its time');
    expect(new Set(stack.relay.messages.map(({ deliveryId }) => deliveryId)).size).toBe(stack.relay.messages.length);
  },
);
