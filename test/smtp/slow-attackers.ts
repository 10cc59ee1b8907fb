import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/**
 * A process that opens connections to a relay and keeps each alive with an octet now and then:
 * `node slow-attackers.ts PORT COUNT PAUSE_MS RECIPIENT`. A third trickles a command, a third a message, a third a command
 * inside TLS. Says `{ attacking: n }` when all are in place, and counts those that were ended.
 */
const [port = 0, count = 0, pauseMs = 1_000] = process.argv.slice(2, 5).map(Number);
const recipient = process.argv[5] ?? '';

const BATCH = 25;
const sockets: Socket[] = [];
let ended = 0;

async function attack(kind: number): Promise<void> {
  const plain = connect(port, '127.0.0.1');
  plain.on('error', () => undefined);
  await reply(plain);
  await say(plain, 'EHLO slow.example');
  let socket: Socket = plain;
  if (kind === 1) {
    await say(plain, 'MAIL FROM:<slow@sender.example>');
    await say(plain, `RCPT TO:<${recipient}>`);
    await say(plain, 'DATA');
  } else if (kind === 2) {
    await say(plain, 'STARTTLS');
    socket = connectTls({ socket: plain, rejectUnauthorized: false });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
  }
  socket.on('close', () => ended++);
  socket.resume();
  sockets.push(socket);
}

async function say(socket: Socket, line: string): Promise<void> {
  socket.write(`${line}\r\n`);
  await reply(socket);
}

function reply(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk.toString();
      if (!/^\d{3} .*\r\n/m.test(text)) return;
      socket.off('data', onData);
      if (/^[45]/.test(text)) reject(new Error(text));
      else resolve();
    };
    socket.on('data', onData);
  });
}

for (let begun = 0; begun < count; begun += BATCH) {
  const batch = Array.from({ length: Math.min(BATCH, count - begun) }, (_, i) => attack((begun + i) % 3));
  await Promise.all(batch);
}
// Spread over the pause, as clients that know nothing of each other would be.
let next = 0;
setInterval(() => {
  const until = next + Math.ceil(sockets.length / 50);
  for (; next < until; next++) {
    const socket = sockets[next % sockets.length];
    if (socket?.writable === true) socket.write('x');
  }
  next %= sockets.length;
}, pauseMs / 50);
process.send?.({ attacking: sockets.length });
process.on('message', () => process.send?.({ ended }));
process.on('disconnect', () => process.exit());
