/** Secrets of second factors. The directory's marker decides whether one is asked for (docs/sign-in.md). */
export interface SecondFactors {
  /** Undefined when the account has none. */
  sinceMs(accountId: number): Promise<number | undefined>;
  /**
   * Whether the code is right now, and later than the last one used; it is then used up, by one compare-and-set, so that two
   * sign-ins at once cannot share it.
   */
  useCode(accountId: number, code: string, nowMs: number): Promise<boolean>;
  /** Replaces what was there. `lastStep`: the time step of the code that proved the new secret. */
  put(accountId: number, secret: Buffer, lastStep: number): Promise<void>;
  remove(accountId: number): Promise<void>;
}

/** What is told of app passwords; they themselves stand in the directory. */
export interface AppPasswords {
  list(accountId: number): Promise<AppPasswordRecord[]>;
  put(
    accountId: number,
    record: { readonly name: string; readonly label: string; readonly services: readonly string[] },
  ): Promise<void>;
  remove(accountId: number, name: string): Promise<void>;
  /** Notes a sign-in, to the minute. */
  used(accountId: number, name: string): Promise<void>;
}

export interface AppPasswordRecord {
  readonly name: string;
  readonly label: string;
  readonly services: readonly string[];
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | undefined;
}
