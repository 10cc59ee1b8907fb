import { setTimeout as pause } from 'node:timers/promises';
import type { Chance } from '../faults/seed.ts';
import { ACCOUNTS, makeMessage } from '../faults/sent-message.ts';
import { SmtpSender } from '../faults/smtp-sender.ts';
import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';
import { type Json, WebClient } from '../support/jmap.ts';
import type { TestStack } from '../support/stack.ts';
import type { Figures } from './figures.ts';

/** What all loads share. */
export interface Soaked {
  readonly stack: TestStack;
  readonly figures: Figures;
  readonly chance: Chance;
  readonly stop: AbortSignal;
}

/** A mailbox that holds more is emptied down to half of it. */
const MOST_IN_INBOX = 400;

/** Begins a piece of work at a rate (a second), however long each takes; `lanes` at a time at most. */
async function atRate(
  stop: AbortSignal,
  rate: number,
  lanes: number,
  work: (lane: number) => Promise<void>,
): Promise<void> {
  const every = (lanes / rate) * 1_000;
  const lane = async (n: number): Promise<void> => {
    let next = performance.now() + (every * n) / lanes;
    while (!stop.aborted) {
      const wait = next - performance.now();
      if (wait > 0) await pause(wait);
      // Who is late does not catch up in a burst.
      next = Math.max(next + every, performance.now() - every);
      if (!stop.aborted) await work(n);
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, n) => lane(n)));
}

/** Messages from outside; every second one on a new connection. */
export async function sendMail({ stack, figures, chance, stop }: Soaked, rate: number, lanes = 10): Promise<number> {
  const senders = new Map<number, SmtpSender>();
  let sent = 0;
  await atRate(stop, rate, lanes, async (lane) => {
    const message = makeMessage(chance, sent++, { maxBytes: 20_000 });
    await figures.time('SMTP in', async () => {
      const kept = senders.get(lane);
      const sender = kept?.usable === true ? kept : await SmtpSender.open(stack.endpoints.smtp);
      senders.set(lane, sender);
      const attempt = await sender.send(message);
      if (attempt.kind !== 'accepted') throw new Error('reply' in attempt ? attempt.reply : attempt.cause);
      if (sent % 2 === 0) sender.close();
    });
  });
  for (const sender of senders.values()) sender.close();
  return sent;
}

/** Mail programs: each looks, reads, marks, searches, and removes what is too much. */
export async function readByImap(soaked: Soaked, rate: number): Promise<void> {
  const { stack, figures, chance, stop } = soaked;
  const sessions = new Map<number, ImapDialogue>();
  const { host, port } = stack.endpoints.imap;
  const ok = async (session: ImapDialogue, command: string): Promise<string> => {
    const answer = await session.command(command);
    if (!/^TAG OK/m.test(answer)) throw new Error(`${command}: ${answer.slice(-200)}`);
    return answer;
  };
  await atRate(stop, rate, 2 * ACCOUNTS.length, async (lane) => {
    const account = ACCOUNTS[lane % ACCOUNTS.length];
    let session = sessions.get(lane);
    if (session === undefined) {
      await figures.time('IMAP sign-in', async () => {
        session = await connectImap(port, { host });
        await ok(session, `LOGIN ${account?.address} ${account?.password}`);
        await ok(session, 'SELECT INBOX');
        sessions.set(lane, session);
      });
    }
    const open = sessions.get(lane);
    if (open === undefined) return;
    const well = await figures.time('IMAP', async () => {
      const status = await ok(open, 'STATUS INBOX (MESSAGES UIDNEXT)');
      const messages = Number(/MESSAGES (\d+)/.exec(status)?.[1]);
      const first = Number(/UIDNEXT (\d+)/.exec(status)?.[1]) - chance.int(1, 50);
      await ok(open, `UID FETCH ${Math.max(1, first)}:* (FLAGS ENVELOPE BODYSTRUCTURE)`);
      await ok(open, `UID FETCH ${Math.max(1, first)} (BODY.PEEK[])`);
      await ok(open, `UID STORE ${Math.max(1, first)} +FLAGS.SILENT (\\Seen)`);
      await ok(open, 'UID SEARCH UNSEEN');
      if (messages > MOST_IN_INBOX) {
        await ok(open, `STORE 1:${MOST_IN_INBOX / 2} +FLAGS.SILENT (\\Deleted)`);
        await ok(open, 'EXPUNGE');
      }
    });
    // Some leave and come back.
    if (!well || chance.int(1, 50) === 1) {
      open.close();
      sessions.delete(lane);
    }
  });
  for (const session of sessions.values()) session.close();
}

/** Browsers: lists, a message, a mark, and some removals. */
export async function readByWebmail({ stack, figures, chance, stop }: Soaked, rate: number): Promise<void> {
  const clients = new Map<number, { readonly client: WebClient; readonly inbox: string }>();
  await atRate(stop, rate, ACCOUNTS.length, async (lane) => {
    let known = clients.get(lane);
    if (known === undefined) {
      await figures.time('webmail sign-in', async () => {
        const client = new WebClient(stack);
        await client.signIn(ACCOUNTS[lane]?.address ?? '');
        known = { client, inbox: (await client.roles()).inbox ?? '' };
        clients.set(lane, known);
      });
    }
    if (known === undefined) return;
    const { client, inbox } = known;
    const well = await figures.time('webmail', async () => {
      const expect = (answer: Json): Json => {
        if (answer.error !== undefined) throw new Error(JSON.stringify(answer));
        return answer;
      };
      const sort = [{ property: 'receivedAt', isAscending: false }];
      const list = expect(await client.call('Email/query', { filter: { inMailbox: inbox }, sort, limit: 30 }));
      const ids = list.ids as string[];
      const properties = ['subject', 'from', 'preview', 'keywords'];
      expect(await client.call('Email/get', { ids, properties }));
      const id = ids.length === 0 ? undefined : chance.pick(ids);
      if (id === undefined) return;
      expect(await client.call('Email/get', { ids: [id], fetchTextBodyValues: true }));
      const change = chance.int(1, 5) === 1 ? { destroy: [id] } : { update: { [id]: { 'keywords/$flagged': true } } };
      expect(await client.call('Email/set', change));
    });
    if (!well || chance.int(1, 100) === 1) {
      client.close();
      clients.delete(lane);
    }
  });
  for (const { client } of clients.values()) client.close();
}
