import { expect } from 'vitest';
import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';

/** The mailbox owner's own program at the old server. */
export interface OldServer {
  ok(command: string): Promise<string>;
  append(mailbox: string, n: number, flags: string): Promise<void>;
  close(): void;
}

export async function signInThere(port: number, user: string, password: string): Promise<OldServer> {
  const imap: ImapDialogue = await connectImap(port);
  const ok = async (command: string): Promise<string> => {
    const answer = await imap.command(command);
    expect(answer, command).toMatch(/^TAG OK/m);
    return answer;
  };
  await ok(`LOGIN ${user} ${password}`);
  return {
    ok,
    async append(mailbox, n, flags) {
      // Lines that an mbox has to quote, and one that SMTP would.
      const text = `From: ann@a.example\r\nSubject: letter ${n}\r\n\r\n>From here\r\nFrom there ${n}\r\n.\r\n`;
      const date = `02-Feb-2026 10:11:${String(n % 60).padStart(2, '0')} +0100`;
      imap.send(`x APPEND ${mailbox} (${flags}) "${date}" {${text.length}}\r\n`);
      await imap.until(/^\+ .*\r\n/m);
      imap.send(`${text}\r\n`);
      await imap.until(/^x OK.*\r\n/m);
    },
    close: () => imap.close(),
  };
}
