import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Slapd } from '../../support/slapd.ts';
import { startDovecot } from './dovecot.ts';
import { startPostfix } from './postfix.ts';
import type { InboundSide } from './side.ts';

export interface PostfixDovecot extends InboundSide {
  stop(): Promise<void>;
}

/** The peer of the inbound path: Postfix → LMTP → Dovecot (maildir), durable at both stations. */
export async function startPostfixDovecot(slapd: Slapd): Promise<PostfixDovecot> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-peer-'));
  chmodSync(folder, 0o755);
  const dovecot = await startDovecot(folder, 'maildir');
  const postfix = await startPostfix(slapd, dovecot.lmtpPort).catch(async (error: unknown) => {
    await dovecot.stop();
    throw error;
  });
  return {
    name: 'Postfix → Dovecot',
    smtpPort: postfix.smtpPort,
    programs: [
      { name: 'postfix', pid: postfix.pid },
      { name: 'dovecot', pid: dovecot.pid },
      { name: 'slapd', pid: slapd.pid },
    ],
    delivered: () => dovecot.countMessages(),
    begin: () => dovecot.clear(),
    async stop() {
      await postfix.stop();
      await dovecot.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
