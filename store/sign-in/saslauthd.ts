import { connect } from 'node:net';
import type { ShellPasswordAnswer, ShellPasswords } from '@postern/shared/directory/sign-in.ts';
import { z } from 'zod';

/** The block `shellPasswords` of store.yaml. */
export const shellPasswordSettings = () =>
  z.strictObject({
    saslauthd: z
      .string()
      .describe(
        'Socket of saslauthd (`…/mux`), which runs on this host and asks PAM or shadow; its folder is for the store alone.',
      ),
    service: z.string().default('postern').describe('PAM service that is asked: `/etc/pam.d/postern`.'),
    timeoutMs: z
      .int()
      .min(100)
      .default(10_000)
      .describe('Deadline of one question; PAM waits some seconds after a wrong password.'),
  });

export type ShellPasswordSettings = z.infer<ReturnType<typeof shellPasswordSettings>>;

/** Lengths travel in two octets; saslauthd itself takes 256 (MAX_LOGIN_REALM_LEN of its source). */
const MAX_FIELD_BYTES = 256;
const MAX_ANSWER_BYTES = 1_024;

/**
 * Asks Cyrus saslauthd: one connection a question, four counted strings (user, password, service, realm), and a counted answer that begins with
 * `OK` or `NO`. What cannot be asked is unknown, never wrong (invariant 4).
 */
export function saslauthdPasswords({ saslauthd, service, timeoutMs }: ShellPasswordSettings): ShellPasswords {
  return (user, password) => {
    const fields = [user, password, service, ''].map((text) => Buffer.from(text, 'utf8'));
    if (fields.some(({ length }) => length > MAX_FIELD_BYTES) || fields.some((field) => field.includes(0))) {
      return Promise.resolve('wrong');
    }
    return new Promise<ShellPasswordAnswer>((resolve) => {
      const socket = connect(saslauthd);
      let heard = Buffer.alloc(0);
      const settle = (answer: ShellPasswordAnswer): void => {
        socket.destroy();
        resolve(answer);
      };
      const away = (cause: string): void => settle({ unknown: `saslauthd ${cause}` });
      socket.setTimeout(timeoutMs, () => away('does not answer in time'));
      socket.on('error', (error) => away(error.message));
      socket.on('close', () => away('ended without an answer'));
      socket.on('connect', () => socket.write(Buffer.concat(fields.flatMap((field) => [counted(field), field]))));
      socket.on('data', (chunk: Buffer) => {
        heard = Buffer.concat([heard, chunk]);
        if (heard.length > MAX_ANSWER_BYTES) return away('answers too much');
        if (heard.length < 2 || heard.length < 2 + heard.readUInt16BE(0)) return;
        const verdict = heard.toString('latin1', 2, 4);
        if (verdict === 'OK') settle('right');
        else if (verdict === 'NO') settle('wrong');
        else away('answers neither OK nor NO');
      });
    });
  };
}

function counted({ length }: Buffer): Buffer {
  const count = Buffer.alloc(2);
  count.writeUInt16BE(length);
  return count;
}
