import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { connect } from 'node:net';
import type { TestStack } from '../support/stack.ts';

/** Longer than all deadlines of ours in these tests: who waits for longer waits for ever. */
const PATIENCE_MS = 30_000;

/** What came of one connection: an answer, or an end that the client was told of. */
export type Knock = 'answered' | 'ended';

/** Opens an IMAP connection, says one command and goodbye. Rejects when the client is left waiting. */
export function knockAtImap({ endpoints }: TestStack): Promise<Knock> {
  return patiently('IMAP', (told) => {
    const socket = connect({ host: endpoints.imap.host, port: endpoints.imap.port }).setEncoding('latin1');
    let text = '';
    socket.on('data', (data: string) => {
      if (text === '') socket.write('a NOOP\r\nb LOGOUT\r\n');
      text += data;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => told(/^b OK/m.test(text) ? 'answered' : 'ended'));
    return () => socket.destroy();
  });
}

/** Asks for the page of webmail on a connection of its own. Rejects when the browser is left waiting. */
export function knockAtWebmail({ endpoints, ca }: TestStack): Promise<Knock> {
  return patiently('webmail', (told) => {
    const request = get(
      { host: endpoints.webmail.host, port: endpoints.webmail.port, path: '/', agent: false, ca: readFileSync(ca) },
      (response) => {
        response.resume();
        response.on('error', () => undefined);
        response.on('close', () => told(response.complete ? 'answered' : 'ended'));
      },
    );
    request.on('error', () => told('ended'));
    return () => request.destroy();
  });
}

function patiently(service: string, knock: (told: (result: Knock) => void) => () => void): Promise<Knock> {
  return new Promise((resolve, reject) => {
    const giveUp = knock((result) => {
      clearTimeout(timer);
      resolve(result);
    });
    const timer = setTimeout(() => {
      reject(new Error(`${service}: neither answered nor told that the connection is gone, within ${PATIENCE_MS} ms`));
      giveUp();
    }, PATIENCE_MS);
  });
}
