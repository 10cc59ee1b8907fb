import type { Mailstore } from '../mailstore/mailstore.ts';
import { checkScript } from '../sieve/check.ts';
import type { SourceScript } from './source.ts';

/**
 * Stores scripts that compile here, and makes the source's active one active unless the account has one. A script of this name that
 * is there already with another text stays: its owner has changed it.
 *
 * @returns how many were new, and a sentence for each that could not be taken
 */
export async function importScripts(
  mailstore: Mailstore,
  accountId: number,
  scripts: readonly SourceScript[],
): Promise<{ readonly imported: number; readonly failures: string[] }> {
  const failures: string[] = [];
  let imported = 0;
  for (const { name, text, active } of scripts) {
    const there = await mailstore.scripts.get(accountId, name);
    if (there === undefined) {
      const refused = await store(mailstore, accountId, name, text);
      failures.push(...refused);
      if (refused.length > 0) continue;
      imported += 1;
    } else if (there !== text) {
      failures.push(`script ${name}: there is another one of this name, which stays`);
      continue;
    }
    if (active && (await mailstore.scripts.active(accountId)) === undefined)
      await mailstore.scripts.setActive(accountId, name);
  }
  return { imported, failures };
}

async function store(mailstore: Mailstore, accountId: number, name: string, text: string): Promise<string[]> {
  const checked = checkScript(text);
  if (!checked.ok) return checked.errors.map(({ line, message }) => `script ${name}: line ${line}: ${message}`);
  const stored = await mailstore.scripts.put(accountId, name, text);
  return stored === 'stored' ? [] : [`script ${name}: ${stored}`];
}
