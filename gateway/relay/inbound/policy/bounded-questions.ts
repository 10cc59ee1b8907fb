import type { TxtAnswer } from '../../dkim/verify.ts';
import type { DnsAnswer, DnsRecord, RecordType, Resolver } from '../../dns/resolver.ts';

/** A way to ask that notes until when (performance.now) all that it heard is kept by the resolver; Infinity when it asked nothing. */
export interface NotingQuestions {
  readonly ask: (name: string, type: string) => Promise<string[]>;
  readonly goodUntil: number;
}

/** The DNS, asked a bounded number of times for one message: names to ask for are written by strangers. */
export class BoundedQuestions {
  readonly #resolver: Resolver;
  #left: number;

  constructor(resolver: Resolver, max: number) {
    this.#resolver = resolver;
    this.#left = max;
  }

  /** mailauth's way to ask: records, or an error with node's code. */
  readonly ask = async (name: string, type: string): Promise<string[]> =>
    recordsOrFault(await this.#query(name, type as RecordType), name);

  noting(): NotingQuestions {
    let goodUntil = Number.POSITIVE_INFINITY;
    return {
      ask: async (name, type) => {
        const answer = await this.#query(name, type as RecordType);
        goodUntil = Math.min(goodUntil, answer.goodUntil ?? Number.NEGATIVE_INFINITY);
        return recordsOrFault(answer, name);
      },
      get goodUntil() {
        return goodUntil;
      },
    };
  }

  async text(name: string): Promise<TxtAnswer> {
    const answer = await this.#query(name, 'TXT');
    if (answer.kind !== 'found') return answer;
    return { kind: 'found', records: answer.records.filter((record) => Array.isArray(record)) };
  }

  async #query(name: string, type: RecordType): Promise<DnsAnswer> {
    if (this.#left <= 0) return { kind: 'unknown', cause: 'the message asks too much of the DNS' };
    this.#left--;
    return this.#resolver.query(name, type);
  }
}

function recordsOrFault(answer: DnsAnswer, name: string): string[] {
  // TXT and MX records are lists and objects; the library's type knows text alone.
  if (answer.kind === 'found') return answer.records.map(copyOf) as string[];
  if (answer.kind === 'unknown') throw dnsError('ETIMEOUT', name);
  throw dnsError(answer.nameExists ? 'ENODATA' : 'ENOTFOUND', name);
}

/** The library may change what it gets; the cache keeps its own. */
function copyOf(record: DnsRecord): DnsRecord {
  return typeof record === 'string' ? record : Array.isArray(record) ? [...record] : { ...record };
}

/** An error with node's code. Without a stack: several a message, and "no such record" is an answer like another. */
function dnsError(code: string, name: string): Error {
  const error: Error = Object.create(Error.prototype);
  return Object.assign(error, { code, message: `${code} ${name}` });
}
