import type { Listener } from '@postern/shared/smtp/listener.ts';
import { afterEach } from 'vitest';
import { startTestListener, Typist } from './support.ts';

/** Listeners and peers of a test, which are closed behind it. */
const open: { close(grace?: number): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close(1)));
});

export async function start(...args: Parameters<typeof startTestListener>) {
  const started = await startTestListener(...args);
  open.push(started.listener);
  return started;
}

export async function typist(listener: Listener): Promise<Typist> {
  const made = await Typist.connect(listener);
  open.push(made);
  return made;
}

export async function greeted(listener: Listener, verb = 'EHLO client.test'): Promise<Typist> {
  const peer = await typist(listener);
  await peer.reply();
  await peer.say(verb);
  return peer;
}

/** A peer past MAIL and RCPT. */
export async function inTransaction(listener: Listener, verb?: string): Promise<Typist> {
  const peer = await greeted(listener, verb);
  await peer.say('MAIL FROM:<a@a.test>');
  await peer.say('RCPT TO:<b@b.test>');
  return peer;
}
