/** A real slapd, run as a private process with our schema and the sample tree, TLS by a CA of its own. */
export interface Slapd {
  readonly url: string;
  readonly port: number;
  /** Base below which domains stand: the `baseDn` of the settings. */
  readonly baseDn: string;
  readonly suffix: string;
  readonly adminDn: string;
  readonly adminPassword: string;
  /** Path of the CA's PEM file. */
  readonly ca: string;
  readonly pid: number;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
  /** SIGKILL; the data stays for {@link Slapd.restart}. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with the same data. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Applies LDIF change records (`changetype: …`) as the administrator. */
  modify(ldif: string): Promise<void>;
}

export interface SlapdOptions {
  /** Which schema and sample tree; `jamm` when unset. */
  readonly tree?: 'jamm' | 'courier';
}

/** Starts slapd on a free port of 127.0.0.1; throws with its output when it does not come up. */
export async function startSlapd(options: SlapdOptions = {}): Promise<Slapd> {
  throw new Error(`slapd with the ${options.tree ?? 'jamm'} tree is not built yet`);
}
