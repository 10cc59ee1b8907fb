import { setTimeout as pause } from 'node:timers/promises';
import type { Chance } from '../faults/seed.ts';
import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';
import type { StoreProcess } from '../support/store-process.ts';
import { type Ledger, letter, type Outcome } from './ledger.ts';

const DEADLINE_MS = 120_000;

/** Who signs in. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** A client that works on INBOX and connects anew when its session ends; a command is never sent twice. */
class Client {
  readonly #store: StoreProcess;
  readonly #login: Login;
  readonly #ledger: Ledger;
  #session: ImapDialogue | undefined;

  constructor(store: StoreProcess, login: Login, ledger: Ledger) {
    this.#store = store;
    this.#login = login;
    this.#ledger = ledger;
  }

  async say(command: string): Promise<{ readonly outcome: Outcome; readonly answer: string }> {
    const session = await this.#ready();
    try {
      const answer = await session.command(command);
      if (/^TAG OK/m.test(answer)) return { outcome: 'done', answer };
      this.#ledger.puzzled(answer.slice(answer.indexOf('TAG ')));
      if (/^TAG NO \[UNAVAILABLE\]/m.test(answer)) return { outcome: 'not', answer };
      throw new Error(`${command.slice(0, 60)}: ${answer}`);
    } catch (fault) {
      session.close();
      this.#session = undefined;
      // The session ended, or was not answered in time: nobody knows what became of the command.
      if (!/^(?:closed before|not in time)/.test((fault as Error).message)) throw fault;
      this.#ledger.puzzled((fault as Error).message.includes('BYE') ? 'BYE' : (fault as Error).message.slice(0, 12));
      return { outcome: 'open', answer: '' };
    }
  }

  close(): void {
    this.#session?.close();
  }

  async #ready(): Promise<ImapDialogue> {
    const deadline = Date.now() + DEADLINE_MS;
    while (this.#session === undefined) {
      try {
        this.#session = await signIn(this.#store, this.#login);
      } catch (fault) {
        const text = (fault as Error).message;
        if (/AUTHENTICATIONFAILED|NONEXISTENT/.test(text)) throw fault;
        this.#ledger.puzzled(text);
        if (Date.now() > deadline) throw fault;
        await pause(100);
      }
    }
    return this.#session;
  }
}

/** A session on INBOX; rejects with the answer when it is refused. */
export async function signIn(store: StoreProcess, { user, password }: Login): Promise<ImapDialogue> {
  const session = await connectImap(store.ready.imap as number);
  for (const command of [`LOGIN ${user} ${password}`, 'SELECT INBOX']) {
    const answer = await session.command(command);
    if (/^TAG OK/m.test(answer)) continue;
    session.close();
    throw new Error(answer.slice(answer.indexOf('TAG ')));
  }
  return session;
}

/** Appends `count` messages, and flags, copies and expunges most of them, by one session; tells the ledger all answers. */
export async function workByImap(
  store: StoreProcess,
  login: Login,
  given: { readonly count: number; readonly chance: Chance; readonly ledger: Ledger; readonly from: string },
): Promise<void> {
  const { count, chance, ledger, from } = given;
  const plans = Array.from({ length: count }, () => ({
    flag: chance.int(0, 1) === 1,
    copy: chance.int(0, 2) === 0,
    expunge: chance.int(0, 2) === 0,
  }));
  const client = new Client(store, login, ledger);
  for (const [n, plan] of plans.entries()) {
    const id = `${from}-${chance.seed}-${n}`;
    const text = letter(id);
    const { outcome, answer } = await client.say(`APPEND INBOX {${text.length}+}\r\n${text}`);
    const uid = outcome === 'done' ? Number(/APPENDUID \d+ (\d+)/.exec(answer)?.[1]) : undefined;
    const told = ledger.came(id, outcome, uid);
    if (uid === undefined) continue;
    if (plan.flag) told.flagged = (await client.say(`UID STORE ${uid} +FLAGS.SILENT (\\Flagged)`)).outcome;
    if (plan.copy) {
      const copied = await client.say(`UID COPY ${uid} Archive`);
      told.copied = copied.outcome;
      if (copied.outcome === 'done') told.copyUid = Number(/COPYUID \d+ \d+ (\d+)/.exec(copied.answer)?.[1]);
    }
    if (plan.expunge) {
      const marked = await client.say(`UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`);
      if (marked.outcome === 'done') told.expunged = (await client.say(`UID EXPUNGE ${uid}`)).outcome;
    }
  }
  client.close();
}
