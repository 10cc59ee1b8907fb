import { type ReadonlySignal, signal } from '@preact/signals';
import { uploadBlob } from '../jmap/blobs.ts';
import type { BodyPart } from '../jmap/types.ts';
import { account } from '../state/account.ts';

/** A file of a message: being uploaded, or there. */
export interface Attachment {
  readonly key: number;
  readonly name: string;
  readonly type: string;
  readonly size: number;
  /** Undefined while it is uploaded. */
  readonly blobId: string | undefined;
  /** Of a picture in the text. */
  readonly cid: string | undefined;
  /** 0 to 1. */
  readonly done: number;
  /** Why it did not come up. */
  readonly problem: 'too-large' | 'failed' | undefined;
}

/** The files of one message. */
export class Attachments {
  readonly #list = signal<readonly Attachment[]>([]);
  readonly #running = new Map<number, { abort: AbortController; finished: Promise<void> }>();
  readonly #onChange: () => void;
  #lastKey = 0;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get list(): ReadonlySignal<readonly Attachment[]> {
    return this.#list;
  }

  get uploading(): boolean {
    return this.#running.size > 0;
  }

  /** Parts that are in the store already. */
  addStored(parts: readonly Pick<BodyPart, 'blobId' | 'name' | 'type' | 'size' | 'cid'>[]): void {
    const added = parts.map(({ blobId, name, type, size, cid }) => {
      this.#lastKey += 1;
      const known = { type, size, blobId: blobId ?? undefined, cid: cid ?? undefined };
      return { key: this.#lastKey, name: name ?? '', done: 1, problem: undefined, ...known };
    });
    this.#list.value = [...this.#list.value, ...added];
  }

  /** Uploads a file; `cid` makes it a picture of the text. */
  upload(file: File, cid?: string): void {
    this.#lastKey += 1;
    const key = this.#lastKey;
    const most = account.value?.maxUploadBytes ?? 0;
    const tooLarge = most > 0 && file.size > most;
    const type = /^[\w.+-]+\/[\w.+-]+$/.test(file.type) ? file.type : 'application/octet-stream';
    const problem = tooLarge ? 'too-large' : undefined;
    const entry = { key, name: file.name, type, size: file.size, blobId: undefined, cid, done: 0, problem } as const;
    this.#list.value = [...this.#list.value, entry];
    if (tooLarge) return;
    const abort = new AbortController();
    const onProgress = (done: number): void => this.#patch(key, { done });
    const finished = uploadBlob(file, { onProgress, signal: abort.signal }).then(
      ({ blobId, size }) => {
        this.#running.delete(key);
        this.#patch(key, { blobId, size, done: 1 });
        this.#onChange();
      },
      () => {
        this.#running.delete(key);
        this.#patch(key, { problem: 'failed' });
      },
    );
    this.#running.set(key, { abort, finished });
  }

  /** Takes one away; an upload is stopped. */
  remove(key: number): void {
    this.#running.get(key)?.abort.abort();
    this.#running.delete(key);
    this.#list.value = this.#list.value.filter((each) => each.key !== key);
    this.#onChange();
  }

  /** Until nothing is on its way any more. */
  async settled(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ finished }) => finished));
  }

  /** A saved draft has its own copies, which outlive what was uploaded (an hour). */
  useStored(sent: readonly Attachment[], parts: readonly BodyPart[]): void {
    const left = [...parts];
    for (const { key, cid } of sent) {
      const at = left.findIndex((part) => (cid === undefined ? part.cid === null : part.cid === cid));
      const blobId = left[at]?.blobId;
      if (blobId == null) continue;
      left.splice(at, 1);
      this.#patch(key, { blobId });
    }
  }

  stop(): void {
    for (const { abort } of this.#running.values()) abort.abort();
  }

  #patch(key: number, change: Partial<Attachment>): void {
    this.#list.value = this.#list.value.map((each) => (each.key === key ? { ...each, ...change } : each));
  }
}
