import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { callAll, MethodFailed, resultOf } from '../jmap/request.ts';
import { type EmailHead, type GetAnswer, HEAD_PROPERTIES, type QueryAnswer } from '../jmap/types.ts';
import { emailState, knowState, putHeads, putThreads } from './emails.ts';

export interface ListQuery {
  readonly filter: Readonly<Record<string, unknown>> | undefined;
  readonly collapseThreads: boolean;
}

/** Rows in one window of the query. */
const WINDOW = 60;
const SORT = [{ property: 'receivedAt', isAscending: false }];

/**
 * One list of emails, of any length: rows are read in windows, by position, as they come into view. Nothing but the ids of what
 * was seen is kept here.
 */
export class MessageList {
  readonly query: ListQuery;
  /** Undefined until the first answer. */
  readonly total: Signal<number | undefined> = signal(undefined);
  readonly failed: Signal<string | undefined> = signal(undefined);
  /** Counts upwards with every change of `ids`. */
  readonly version: Signal<number> = signal(0);
  readonly isEmpty: ReadonlySignal<boolean> = computed(() => this.total.value === 0);
  #ids: (string | undefined)[] = [];
  readonly #asked = new Set<number>();
  #generation = 1;

  constructor(query: ListQuery) {
    this.query = query;
  }

  idAt(row: number): string | undefined {
    return this.#ids[row];
  }

  indexOf(id: string): number {
    return this.#ids.indexOf(id);
  }

  /** Ids between two rows, both included, as far as they were read. */
  idsBetween(from: number, to: number): string[] {
    return this.#ids.slice(Math.min(from, to), Math.max(from, to) + 1).filter((id) => id !== undefined);
  }

  /** Reads what is missing of these rows. */
  ensure(from: number, to: number): void {
    const last = this.total.peek() === undefined ? 0 : Math.min(to, (this.total.peek() ?? 1) - 1);
    for (let window = Math.floor(Math.max(0, from) / WINDOW); window * WINDOW <= last; window += 1) {
      if (this.#asked.has(window)) continue;
      this.#asked.add(window);
      void this.#read(window * WINDOW, this.#generation, undefined).catch(() => this.#asked.delete(window));
    }
  }

  /**
   * Reads anew, when something has changed: the rows around `anchor` (the first that is in view), or the first. Answers by how many rows
   * the anchor has moved.
   */
  async refresh(anchor: string | undefined): Promise<number> {
    const before = anchor === undefined ? 0 : this.indexOf(anchor);
    this.#generation += 1;
    const position = await this.#read(0, this.#generation, before > 0 ? anchor : undefined);
    return before > 0 && position !== undefined && anchor !== undefined ? this.indexOf(anchor) - before : 0;
  }

  /** Takes rows away at once; the server's answer follows. */
  remove(ids: ReadonlySet<string>): void {
    const kept = this.#ids.filter((id) => id === undefined || !ids.has(id));
    // Holes of a sparse array are lost by filter; positions behind them would be wrong.
    const sparse = this.#ids.length !== Object.keys(this.#ids).length;
    const gone = [...ids].filter((id) => this.indexOf(id) >= 0).length;
    if (gone === 0) return;
    if (sparse) for (const id of ids) this.#splice(id);
    else this.#ids = kept;
    this.total.value = Math.max(0, (this.total.peek() ?? 0) - gone);
    // Windows behind have shifted: they are completed when they come into view.
    this.#asked.clear();
    this.#ids.forEach((_, row) => {
      if (row % WINDOW === WINDOW - 1 && this.#isFull(row - WINDOW + 1)) this.#asked.add((row + 1) / WINDOW - 1);
    });
    this.version.value += 1;
  }

  #splice(id: string): void {
    const at = this.indexOf(id);
    if (at >= 0) this.#ids.splice(at, 1);
  }

  #isFull(from: number): boolean {
    for (let row = from; row < from + WINDOW; row += 1) if (this.#ids[row] === undefined) return false;
    return true;
  }

  /** Answers the position of the first row that was read; undefined when another reading has come between. */
  async #read(position: number, generation: number, anchor: string | undefined): Promise<number | undefined> {
    const where = anchor === undefined ? { position } : { anchor, anchorOffset: -WINDOW / 2 };
    const [query, got, threads, members] = await callAll([
      ['Email/query', { ...this.#arguments(), ...where, limit: WINDOW, calculateTotal: true }],
      ['Email/get', { '#ids': resultOf(0, 'Email/query', '/ids'), properties: HEAD_PROPERTIES }],
      ...(this.query.collapseThreads
        ? ([
            ['Thread/get', { '#ids': resultOf(1, 'Email/get', '/list/*/threadId') }],
            ['Email/get', { '#ids': resultOf(2, 'Thread/get', '/list/*/emailIds'), properties: HEAD_PROPERTIES }],
          ] as const)
        : []),
    ]).catch((error: unknown) => {
      if (generation === this.#generation) this.failed.value = error instanceof Error ? error.message : String(error);
      throw error;
    });
    if (generation !== this.#generation) return undefined;
    if (query instanceof MethodFailed) {
      // What we looked at is gone: from the top.
      if (query.type === 'anchorNotFound') return this.#read(0, generation, undefined);
      this.failed.value = query.message;
      throw query;
    }
    const { ids, total = 0, position: first } = query as QueryAnswer;
    if (!(got instanceof MethodFailed)) {
      const answer = got as GetAnswer<EmailHead>;
      putHeads(answer.list);
      if (emailState === '') knowState(answer.state);
    }
    if (members !== undefined && !(members instanceof MethodFailed)) putHeads((members as GetAnswer<EmailHead>).list);
    if (threads !== undefined && !(threads instanceof MethodFailed)) {
      putThreads((threads as GetAnswer<{ id: string; emailIds: string[] }>).list);
    }
    if (this.#readGeneration !== generation) {
      this.#readGeneration = generation;
      this.#ids = [];
      this.#asked.clear();
    }
    ids.forEach((id, n) => {
      this.#ids[first + n] = id;
    });
    if (anchor === undefined) this.#asked.add(first / WINDOW);
    this.failed.value = undefined;
    this.total.value = total;
    this.version.value += 1;
    return first;
  }

  #readGeneration = 0;

  #arguments(): Record<string, unknown> {
    const { filter, collapseThreads } = this.query;
    return { filter: filter ?? null, sort: SORT, collapseThreads };
  }
}
