import type { MemoryBudget } from '../../runtime/memory-budget.ts';
import { DataDecoder, type DataViolation, type Framing } from '../strict-data.ts';
import type { ListenerLimits, ReceivedMessage } from './session.ts';
import { SpillFile } from './spill-file.ts';

/**
 * One message on its way in, by DATA or BDAT: its octets are counted against the memory that all sessions share, go to a
 * file where they are many, and have to come at a minimal rate.
 */
export class Reception {
  readonly decoder: DataDecoder;
  readonly framing: Framing;
  readonly #limits: ListenerLimits;
  readonly #memory: MemoryBudget;
  readonly #spillFolder: string | undefined;
  readonly #since = process.uptime();
  #octets = 0;
  #reservedBytes = 0;
  #spill: SpillFile | undefined;
  #spillFault: unknown;

  constructor(limits: ListenerLimits, memory: MemoryBudget, spillFolder: string | undefined, framing: Framing) {
    this.decoder = new DataDecoder(limits, framing);
    this.framing = framing;
    this.#limits = limits;
    this.#memory = memory;
    this.#spillFolder = spillFolder;
  }

  /** So many octets came. The promise, if any, is the time that the disk needs. */
  arrived(octets: number): undefined | Promise<void> {
    this.#octets += octets;
    this.#account();
    if (this.#spillFolder !== undefined && this.decoder.heldBytes > this.#limits.spillBytes) {
      this.#spill ??= new SpillFile(this.#spillFolder);
      const held = this.decoder.heldBytes;
      const written = this.#spill.append(this.decoder.take()).then(
        () => this.#release(held),
        (error: unknown) => {
          this.#spillFault ??= error;
          this.decoder.refuse('memory');
        },
      );
      // A client that is faster than the disk waits for it.
      if (this.#spill.writingBytes > this.#limits.spillBytes) return written;
    }
    return undefined;
  }

  /** Slower than the minimal rate, after a grace of the idle time-out. */
  get tooSlow(): boolean {
    const seconds = process.uptime() - this.#since;
    const { idleTimeoutMs, minDataBytesPerSecond } = this.#limits;
    return seconds * 1000 > idleTimeoutMs && this.#octets / seconds < minDataBytesPerSecond;
  }

  /**
   * The message, in memory; a violation when it broke a rule or memory did not come free in time. Rejects when the file could
   * not be written or read back.
   */
  message(): ReceivedMessage | DataViolation | Promise<ReceivedMessage | DataViolation> {
    if (this.#spill !== undefined) return this.#spilled(this.#spill);
    return this.decoder.violation ?? { content: this.decoder.content(), headerBytes: this.decoder.headerBytes };
  }

  async #spilled(spill: SpillFile): Promise<ReceivedMessage | DataViolation> {
    await spill.settled();
    if (this.#spillFault !== undefined) throw this.#spillFault;
    const { decoder } = this;
    if (decoder.violation !== undefined) return decoder.violation;
    const more = decoder.size - this.#reservedBytes;
    if (more > 0 && !(await this.#memory.reserveInTime(more, this.#limits.memoryWaitMs))) return 'memory';
    this.#reservedBytes += Math.max(0, more);
    const content = Buffer.allocUnsafeSlow(decoder.size);
    const fromFile = await spill.readInto(content);
    decoder.content().copy(content, fromFile);
    return { content, headerBytes: decoder.headerBytes };
  }

  /** Gives back memory and file. */
  close(): void {
    this.#release(this.#reservedBytes);
    void this.#spill?.close();
    this.#spill = undefined;
    this.decoder.refuse('memory');
  }

  #account(): void {
    const { decoder } = this;
    // What is on its way to the disk stays reserved until it is there.
    const due = decoder.heldBytes + (this.#spill?.writingBytes ?? 0);
    if (decoder.violation === undefined && due > this.#reservedBytes) {
      if (this.#memory.reserve(due - this.#reservedBytes)) this.#reservedBytes = due;
      else decoder.refuse('memory');
    }
    if (decoder.violation !== undefined) this.#release(this.#reservedBytes);
  }

  #release(bytes: number): void {
    const given = Math.min(bytes, this.#reservedBytes);
    if (given > 0) this.#memory.release(given);
    this.#reservedBytes -= given;
  }
}
