import { createServer } from 'node:net';

/**
 * Below the range from which Linux takes the ports of outgoing connections (32768 and above): a port found there could be taken
 * by a client's connection before the server that it was found for listens.
 */
const LOWEST = 10_000;
const COUNT = 5_000;
let next = Math.floor(Math.random() * COUNT);

/**
 * A TCP port of 127.0.0.1 that nobody listens on now; given to nobody else who asks here until this process ends, for the server
 * that it is for may take a while to listen.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    next = (next + 1) % COUNT;
    // Kept: another caller may move on while this one waits.
    const port = LOWEST + next;
    if ((await claim(port)) && (await canListen(port))) return port;
  }
  throw new Error('no free port on 127.0.0.1');
}

/** Held by a name in Linux's abstract namespace of sockets, which the kernel forgets with the process. */
function claim(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer().unref();
    server.once('error', () => done(false));
    server.listen(`\0postern-port-${port}`, () => done(true));
  });
}

function canListen(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}
