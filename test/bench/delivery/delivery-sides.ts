import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSieveStore } from '../../sieve/sieve-store.ts';
import { openLmtp } from '../../support/lmtp-dialogue.ts';
import type { NamedProcess } from '../measure/processes.ts';
import { startDovecot } from '../sides/dovecot.ts';

/** A server that takes mail by LMTP for one account, which may have a script. */
export interface DeliverySide {
  readonly programs: readonly NamedProcess[];
  connect(): Promise<{ deliver(text: string): Promise<void>; close(): void }>;
  /** The account's script from now on; none when undefined. */
  use(script: string | undefined): Promise<void>;
  close(): Promise<void>;
}

const ALICE = 'user1@domain1.example';

/** Our store: LMTP inside TLS with a client certificate, every delivery with its id. */
export async function openPosternSide(): Promise<DeliverySide> {
  const store = await startSieveStore();
  const { id } = await store.account(ALICE);
  return {
    programs: store.programs,
    async connect() {
      const { deliverText, close } = await store.connect();
      return { deliver: (text) => deliverText(ALICE, text), close };
    },
    async use(script) {
      await store.mailstore.scripts.setActive(id, undefined);
      if (script !== undefined) await store.useScript(ALICE, script);
    },
    close: () => store.stop(),
  };
}

/** Dovecot with Pigeonhole: LMTP without TLS, sdbox, every file and folder synced; the script is compiled beforehand. */
export async function openDovecotSide(): Promise<DeliverySide> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-peer-'));
  chmodSync(folder, 0o755);
  const script = join(folder, 'script.sieve');
  const compiled = join(folder, 'script.svbin');
  const dovecot = await startDovecot(folder, 'sdbox', script);
  return {
    programs: [{ name: 'dovecot', pid: dovecot.pid }],
    async connect() {
      const dialogue = await openLmtp({ port: dovecot.lmtpPort, ca: undefined });
      await dialogue.say('LHLO relay.example');
      return {
        async deliver(text) {
          await dialogue.say('MAIL FROM:<ann@a.example>');
          await dialogue.say(`RCPT TO:<${ALICE}>`);
          const [reply = ''] = await dialogue.data(text, 1);
          if (!reply.startsWith('250')) throw new Error(reply);
        },
        close: () => dialogue.close(),
      };
    },
    async use(text) {
      rmSync(script, { force: true });
      rmSync(compiled, { force: true });
      if (text === undefined) return;
      writeFileSync(script, text);
      const { status, stderr } = spawnSync('sievec', [script, compiled], { encoding: 'utf8' });
      if (status !== 0) throw new Error(`sievec: ${stderr}`);
      for (const path of [script, compiled]) chmodSync(path, 0o644);
    },
    async close() {
      await dovecot.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
