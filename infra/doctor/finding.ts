/** What a check found. `skipped` is said too: what was not looked at is not well. */
export type Status = 'ok' | 'warning' | 'fault' | 'skipped';

export interface Finding {
  /** What was looked at: `certificates`, `dns`, `directory`, `lmtp`, `smtp`, `imap`, `hub`, `console`, `webmail`, `database`, `queue`, `disk`, `clock`. */
  readonly check: string;
  /** Which one, where there are several: a file, a host and port, a domain. */
  readonly subject: string;
  readonly status: Status;
  /** What was found, in a sentence. */
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string | undefined;
}

/** A check answers with one finding a subject; one that throws has a fault of its own, which is reported as such. */
export interface Check {
  readonly name: string;
  run(): Promise<readonly Finding[]>;
}

/** Runs checks one after the other, in the order in which they build upon each other. */
export async function runChecks(checks: readonly Check[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name, run } of checks) {
    try {
      findings.push(...(await run()));
    } catch (error) {
      const found = error instanceof Error ? error.message : String(error);
      findings.push({ check: name, subject: '', status: 'fault', found, advice: 'See to the cause, then ask again.' });
    }
  }
  return findings;
}
