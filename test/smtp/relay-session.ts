import { expect } from 'vitest';
import { type RelayProcess, USER1 } from './relay-process.ts';
import { Typist } from './support.ts';

/** A session with the relay that has said EHLO. */
export async function greeted(relay: RelayProcess): Promise<Typist> {
  const peer = await Typist.connect(relay.address);
  await peer.reply();
  await peer.say('EHLO client.example');
  return peer;
}

/** A session that has one recipient and may send its message. */
export async function inData(relay: RelayProcess): Promise<Typist> {
  const peer = await greeted(relay);
  await peer.say('MAIL FROM:<a@sender.example>');
  expect(await peer.say(`RCPT TO:<${USER1}>`)).toMatch(/^250 /);
  expect(await peer.say('DATA')).toMatch(/^354 /);
  return peer;
}

/** The answer to one message on a session of its own. */
export async function send(relay: RelayProcess, subject: string): Promise<string> {
  const peer = await inData(relay);
  const answer = await peer.say(`Subject: ${subject}\r\nMessage-ID: <${subject}@sender.example>\r\n\r\nhi\r\n.`);
  peer.close();
  return answer;
}
