/** Clients remembered at most; the one that was seen longest ago is forgotten first. */
const MAX_CLIENTS = 10_000;
const REMEMBERED_MS = 86_400_000;

/** Clients that kept silent until they were greeted: for a day they do not wait again. */
export class PatientClients {
  /** In order of the last time seen; the value is the time at which the client is forgotten. */
  readonly #until = new Map<string, number>();

  knows(address: string, now = Date.now()): boolean {
    const until = this.#until.get(networkOf(address));
    return until !== undefined && until > now;
  }

  remember(address: string, now = Date.now()): void {
    const network = networkOf(address);
    this.#until.delete(network);
    this.#until.set(network, now + REMEMBERED_MS);
    if (this.#until.size <= MAX_CLIENTS) return;
    const [oldest] = this.#until.keys();
    if (oldest !== undefined) this.#until.delete(oldest);
  }

  forget(address: string): void {
    this.#until.delete(networkOf(address));
  }

  get size(): number {
    return this.#until.size;
  }
}

/** An IPv4 address; of IPv6 the /64, of which one client has as many addresses as it likes. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array<string>(zeros).fill('0'), ...right]
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 16).toString(16))
    .join(':');
}
