import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Spool } from '@postern/gateway/relay/spool/spool.ts';
import type { Check, Finding } from './finding.ts';

const HOUR_MS = 3_600_000;
/** A store that restarts takes a minute: mail that waits for longer tells of a fault. */
const OLD_MS = HOUR_MS / 4;
const VERY_OLD_MS = 4 * HOUR_MS;

/** How long the oldest message of the spool has waited, and what waits for an administrator. */
export function queueCheck(spoolPath: string, now = Date.now()): Check {
  const finding = (status: Finding['status'], found: string, advice?: string): Finding => {
    return { check: 'queue', subject: spoolPath, status, found, advice };
  };
  return {
    name: 'queue',
    async run() {
      if (!existsSync(join(spoolPath, 'active'))) {
        return [finding('fault', 'there is no spool', 'The relay makes it at its first start: has it ever run here?')];
      }
      const spool = await Spool.open(spoolPath, false);
      try {
        const findings: Finding[] = [];
        const ids = await spool.list('active');
        const waits = await Promise.all(
          ids.map(async (id) => {
            const entry = await spool.peek('active', id);
            return entry?.ok === true ? now - entry.value.envelope.receivedAt : 0;
          }),
        );
        const oldestMs = waits.reduce((a, b) => Math.max(a, b), 0);
        const text = `${ids.length} waiting, the oldest for ${Math.floor(oldestMs / 60_000)} min`;
        if (oldestMs > OLD_MS) {
          const advice = `'postern-gateway queue list --spool ${spoolPath}' says why; then look after the store, which is where they go.`;
          findings.push(finding(oldestMs > VERY_OLD_MS ? 'fault' : 'warning', text, advice));
        } else findings.push(finding('ok', ids.length === 0 ? 'nothing waits' : text));
        const held = (await spool.list('held')).length;
        if (held > 0) {
          const advice = "'postern-gateway queue show ID' says why; then 'release', 'requeue' or 'delete' it.";
          findings.push(finding('warning', `${held} held`, advice));
        }
        const damaged = (await readdir(join(spoolPath, 'damaged'))).length;
        if (damaged > 0) {
          findings.push(
            finding('fault', `${damaged} damaged`, `Look at ${join(spoolPath, 'damaged')}, and at the disk.`),
          );
        }
        return findings;
      } finally {
        await spool.close();
      }
    },
  };
}
