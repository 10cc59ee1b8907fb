import type { Log } from '@postern/shared/runtime/log.ts';
import { BatchDelivery } from './batch-delivery.ts';
import type { ChangeNotices } from './changes.ts';
import type { SqlContents } from './content.ts';
import type { Database } from './database.ts';
import { withBodies } from './delivery-contents.ts';
import { DeliveryProcedure } from './delivery-procedure.ts';
import { keyText, recordedOf, recordsOf } from './delivery-records.ts';
import type { Keywords } from './keywords.ts';
import type {
  Deliveries,
  DeliverOptions,
  DeliverResult,
  Delivery,
  DeliveryKey,
  RecordedDelivery,
} from './mailstore.ts';
import { CommitOutcomeUnknown, DatabaseUnavailable, inTransaction } from './transaction.ts';
import { WriteScope } from './write-scope.ts';

export class SqlDeliveries implements Deliveries {
  readonly #database: Database;
  readonly #notices: ChangeNotices;
  readonly #keywords: Keywords;
  readonly #contents: Pick<SqlContents, 'keep'>;
  readonly #procedure: DeliveryProcedure;
  readonly #log: Log;

  constructor(
    database: Database,
    notices: ChangeNotices,
    keywords: Keywords,
    contents: Pick<SqlContents, 'keep'>,
    log: Log,
  ) {
    this.#database = database;
    this.#contents = contents;
    this.#notices = notices;
    this.#keywords = keywords;
    this.#procedure = new DeliveryProcedure(database, notices);
    this.#log = log;
  }

  async deliver(batch: readonly Delivery[], options: DeliverOptions = {}): Promise<DeliverResult[]> {
    if (batch.length === 0) return [];
    const results = await this.#together(batch, true);
    if (options.lockedAccounts === 'report') return results;
    // Who was skipped gets a transaction of its own, which waits for the lock: one account, in the order given.
    const waiting = new Map<number, number[]>();
    for (const [index, result] of results.entries()) {
      if (result.kind !== 'locked') continue;
      const { id } = (batch[index] as Delivery).account;
      waiting.set(id, [...(waiting.get(id) ?? []), index]);
    }
    for (const indexes of waiting.values()) {
      const served = await this.#together(
        indexes.map((i) => batch[i] as Delivery),
        false,
      );
      for (const [n, index] of indexes.entries()) results[index] = served[n] as DeliverResult;
    }
    return results;
  }

  async recorded(key: DeliveryKey): Promise<RecordedDelivery | undefined> {
    const { sql, values } = recordsOf([key]);
    return recordedOf(await this.#database.rows(sql, values)).get(keyText(key));
  }

  /** All in one transaction; if that fails, each in one of its own, so that a poisoned one fails alone. */
  async #together(batch: readonly Delivery[], skipLocked: boolean): Promise<DeliverResult[]> {
    try {
      return await this.#commit(batch, skipLocked);
    } catch (fault) {
      if (batch.length === 1 || fault instanceof DatabaseUnavailable) {
        return batch.map(() => ({ kind: 'fault', cause: fault as Error }));
      }
      this.#log.warn({ err: fault, deliveries: batch.length }, 'a batch of deliveries failed; each is tried alone');
    }
    const results: DeliverResult[] = [];
    for (const delivery of batch) results.push(...(await this.#together([delivery], skipLocked)));
    return results;
  }

  async #commit(given: readonly Delivery[], skipLocked: boolean): Promise<DeliverResult[]> {
    const batch = skipLocked ? given : await this.#withBodiesKept(given);
    const work = async (): Promise<DeliverResult[]> =>
      (await this.#alone(batch)) ??
      (await inTransaction(this.#database, async (transaction) => {
        const scope = new WriteScope(transaction, this.#notices);
        return new BatchDelivery(scope, this.#keywords, batch, skipLocked).run();
      }));
    try {
      return await work();
    } catch (fault) {
      // Under the same ids: what was committed after all is found on record.
      if (fault instanceof CommitOutcomeUnknown) return work();
      throw fault;
    }
  }

  async #alone(batch: readonly Delivery[]): Promise<DeliverResult[] | undefined> {
    const [only] = batch;
    const result = only !== undefined && batch.length === 1 ? await this.#procedure.deliver(only) : undefined;
    return result && [result];
  }

  /** Who waits for an account holds no lock on a body meanwhile: others may be bringing the same one. */
  #withBodiesKept(batch: readonly Delivery[]): Promise<Delivery[]> {
    return Promise.all(batch.map((each) => withBodies(each, (content) => this.#contents.keep(content))));
  }
}
