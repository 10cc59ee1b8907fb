import { expect } from 'vitest';
import { openChance } from '../faults/seed.ts';
import type { TestPki } from '../support/pki.ts';
import type { Slapd } from '../support/slapd.ts';
import { type StoreProcess, startStore } from '../support/store-process.ts';
import { openStoreTool } from '../support/store-tool.ts';
import { type Login, workByImap } from './imap-load.ts';
import { compare, Ledger } from './ledger.ts';
import { deliverByLmtp } from './lmtp-load.ts';
import { readMailbox, Witness } from './witness.ts';

export const USER: Login = { user: 'user1@domain1.example', password: 'user1' };

/** The database as a store of a cluster is told it: its own node first. */
export function urlThrough(nodes: readonly { readonly url: string }[], first: number): string {
  const turned = nodes.map((_, n) => nodes[(n + first) % nodes.length]?.url ?? '');
  const [url = ''] = turned;
  const { host } = new URL(url);
  return url.replace(host, turned.map((each) => new URL(each).host).join(','));
}

/** A store process that serves LMTP and IMAP. */
export function startOn(databaseUrl: string, pki: TestPki, slapd: Slapd): Promise<StoreProcess> {
  const imap = { listen: { address: '127.0.0.1', port: 0 }, allowPlaintextLoopback: true };
  return startStore({ pki, slapd, databaseUrl, config: { imap } });
}

/** One user's mailboxes under load through all stores at once; what everybody was told adds up over all loads. */
export class Load {
  readonly #ledger = new Ledger();
  readonly #stores: readonly StoreProcess[];
  readonly #pki: TestPki;
  #rounds = 0;

  constructor(stores: readonly StoreProcess[], pki: TestPki) {
    this.#stores = stores;
    this.#pki = pki;
  }

  /**
   * LMTP by all stores; APPEND, STORE, COPY and EXPUNGE by two sessions of each; a witness meanwhile.
   *
   * @param strike what happens in the middle
   */
  async run(what: string, count: number, strike: () => Promise<void> = async () => {}): Promise<void> {
    const chance = openChance(what);
    const ledger = this.#ledger;
    const round = this.#rounds++;
    const witness = new Witness(this.#stores, USER);
    const third = new Promise<void>((struck, failed) => {
      const before = ledger.told.size;
      const timer = setInterval(() => {
        if (ledger.told.size - before < count / 3) return;
        clearInterval(timer);
        strike().then(struck, failed);
      }, 10);
    });
    const share = Math.ceil(count / 2 / (2 * this.#stores.length));
    const all = Promise.all([
      third,
      deliverByLmtp(this.#stores, this.#pki, USER.user, {
        count: Math.ceil(count / 2),
        chance,
        ledger,
        from: `lmtp${round}`,
      }),
      ...this.#stores.flatMap((store, s) =>
        [0, 1].map((n) => workByImap(store, USER, { count: share, chance, ledger, from: `imap${round}-${s}-${n}` })),
      ),
    ]);
    try {
      await all;
    } finally {
      await witness.stop();
      for (const store of this.#stores) {
        const faults = store.log().filter(({ event }) => event === 'command-fault');
        if (faults.length > 0) console.log(JSON.stringify(faults.slice(0, 5)));
      }
    }
    const open = [...ledger.told.values()].filter(({ came }) => came === 'open').length;
    console.log(
      `${what}: ${ledger.told.size} messages, ${open} APPENDs unanswered, ${witness.looks} looks; not yes and not no:`,
    );
    console.log(JSON.stringify(Object.fromEntries(ledger.puzzles)));
    expect(witness.faults).toEqual([]);
    expect(witness.looks).toBeGreaterThan(0);
  }

  /** Whatever store one asks: each message once, octet for octet, numbers in order, all answers kept; the books balance. */
  async expectAllIsWell(databaseUrl: string): Promise<void> {
    for (const store of this.#stores) {
      const inbox = await readMailbox(store, USER, 'INBOX');
      const archive = await readMailbox(store, USER, 'Archive');
      expect(compare(this.#ledger, inbox, archive)).toEqual([]);
    }
    const tool = openStoreTool(databaseUrl);
    try {
      expect((await tool.run(['check', '--bodies'])).output).toMatch(/^ok: /);
    } finally {
      tool.remove();
    }
  }
}
