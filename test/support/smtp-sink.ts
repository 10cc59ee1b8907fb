import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './hub.ts';

/** A message as smtp-sink got it. */
export interface SunkMessage {
  readonly reversePath: string;
  /** In small letters. */
  readonly recipients: readonly string[];
  /** Under which the last hop had it: what comes twice under one id is one message whose answer was lost. */
  readonly deliveryId: string | undefined;
  /** Lines end in LF. */
  readonly content: string;
}

/** Postfix's smtp-sink: a remote server that nobody here wrote; each message becomes a file. */
export interface SmtpSink {
  /** All messages so far, whole. */
  messages(): SunkMessage[];
  /** Those that have the text. */
  with(text: string): SunkMessage[];
  stop(): Promise<void>;
}

export async function startSmtpSink(port: number): Promise<SmtpSink> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-sink-'));
  const child = spawn('/usr/sbin/smtp-sink', ['-u', 'root', '-d', `${folder}/%M.`, `127.0.0.1:${port}`, '200'], {
    stdio: 'ignore',
  });
  await eventually(
    () =>
      new Promise<true | undefined>((done) => {
        const socket = connect(port, '127.0.0.1', () => done(true));
        socket.on('error', () => done(undefined));
        socket.on('connect', () => socket.destroy());
      }),
  );
  const messages = (): SunkMessage[] =>
    readdirSync(folder).map((name) => sunk(readFileSync(join(folder, name), 'latin1')));
  return {
    messages,
    with: (text) => messages().filter(({ content }) => content.includes(text)),
    async stop() {
      const gone = new Promise((done) => child.once('exit', done));
      child.kill();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The sink writes what it heard before the message as fields of its own, and a Received field. */
function sunk(dump: string): SunkMessage {
  const envelope = (name: 'Mail' | 'Rcpt'): string[] =>
    Array.from(dump.matchAll(new RegExp(`^X-${name}-Args: <([^>]*)>`, 'gm')), ([, address = '']) => address);
  const content = dump.replace(/^(?:X-[\w-]+: .*\n)+Received: .*\n(?:[ \t].*\n)*/, '');
  return {
    reversePath: envelope('Mail')[0] ?? '',
    recipients: envelope('Rcpt').map((address) => address.toLowerCase()),
    deliveryId: /\sid ([0-9a-f]{32})/.exec(content)?.[1],
    content,
  };
}
