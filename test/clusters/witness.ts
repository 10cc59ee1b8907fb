import { setTimeout as pause } from 'node:timers/promises';
import type { ImapDialogue } from '../support/imap-dialogue.ts';
import type { StoreProcess } from '../support/store-process.ts';
import { type Login, signIn } from './imap-load.ts';
import type { MailboxSeen, Seen } from './ledger.ts';
import { letter } from './ledger.ts';

/** Numbers of a mailbox at one instant. */
interface Numbers {
  readonly uidNext: number;
  readonly highestModSeq: number;
  readonly uidValidity: number;
}

/** Looks at INBOX without pause, through all stores in turn, as a user with several devices does; tells what went back. */
export class Witness {
  readonly faults: string[] = [];
  looks = 0;
  readonly #stores: readonly StoreProcess[];
  readonly #login: Login;
  readonly #sessions = new Map<StoreProcess, ImapDialogue>();
  readonly #ended: Promise<void>;
  #watching = true;
  #highest: Numbers = { uidNext: 0, highestModSeq: 0, uidValidity: 0 };

  /** @param stores through which it looks; what one has shown, the next look must know */
  constructor(stores: readonly StoreProcess[], login: Login) {
    this.#stores = stores;
    this.#login = login;
    this.#ended = this.#watch();
  }

  async stop(): Promise<void> {
    this.#watching = false;
    await this.#ended;
    for (const session of this.#sessions.values()) session.close();
  }

  async #watch(): Promise<void> {
    for (let n = 0; this.#watching; n++) {
      const store = this.#stores[n % this.#stores.length] as StoreProcess;
      try {
        const session = this.#sessions.get(store) ?? (await signIn(store, this.#login));
        this.#sessions.set(store, session);
        const answer = await session.command('STATUS INBOX (UIDNEXT HIGHESTMODSEQ UIDVALIDITY)');
        if (/^TAG OK/m.test(answer)) this.#look(numbersIn(answer), n);
        else if (!answer.includes('[UNAVAILABLE]')) this.faults.push(answer);
      } catch (fault) {
        this.#sessions.get(store)?.close();
        this.#sessions.delete(store);
        // Ended, or not answered: it looks again.
        if (/AUTHENTICATIONFAILED|NONEXISTENT/.test((fault as Error).message))
          this.faults.push((fault as Error).message);
      }
      await pause(20);
    }
  }

  #look(now: Numbers, n: number): void {
    this.looks++;
    const before = this.#highest;
    for (const name of ['uidNext', 'highestModSeq', 'uidValidity'] as const) {
      if (now[name] < before[name])
        this.faults.push(`look ${n}: ${name} went back from ${before[name]} to ${now[name]}`);
    }
    if (before.uidValidity !== 0 && now.uidValidity !== before.uidValidity) this.faults.push('UIDVALIDITY changed');
    this.#highest = now;
  }
}

function numbersIn(answer: string): Numbers {
  const number = (name: string): number => Number(new RegExp(`${name} (\\d+)`).exec(answer)?.[1]);
  return { uidNext: number('UIDNEXT'), highestModSeq: number('HIGHESTMODSEQ'), uidValidity: number('UIDVALIDITY') };
}

/** A whole mailbox, as a store shows it. */
export async function readMailbox(store: StoreProcess, login: Login, mailbox: string): Promise<MailboxSeen> {
  const session = await signIn(store, login);
  try {
    const opened = await session.command(`EXAMINE ${mailbox}`);
    const status = await session.command(`STATUS ${mailbox} (UIDNEXT HIGHESTMODSEQ UIDVALIDITY)`);
    const { uidNext, highestModSeq } = numbersIn(status);
    const exists = Number(/^\* (\d+) EXISTS/m.exec(opened)?.[1]);
    const fetched = exists === 0 ? '' : await session.command('UID FETCH 1:* (FLAGS MODSEQ BODY.PEEK[])');
    const item =
      /\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\) MODSEQ \((\d+)\) BODY\[\] \{\d+\}\n([\s\S]*?)\)(?=\n\* |\nTAG )/g;
    const messages = [...fetched.matchAll(item)].map(([, uid, flags = '', modSeq, body = '']): Seen => {
      const id = /^X-Load-Id: (.*)$/m.exec(body)?.[1] ?? '';
      return {
        uid: Number(uid),
        modSeq: Number(modSeq),
        flags: flags.split(' '),
        id,
        whole: body.endsWith(letter(id).replaceAll('\r\n', '\n')),
      };
    });
    if (messages.length !== exists) throw new Error(`EXISTS ${exists}, fetched ${messages.length}`);
    return { uidNext, highestModSeq, messages };
  } finally {
    session.close();
  }
}
