import { connect, createServer, type Socket } from 'node:net';

/** What the wire does to the next COMMIT: the server never gets it, or its answer never comes back. */
export type Cut = 'before' | 'after';

/** A TCP proxy before a database that can break a connection at COMMIT. */
export interface CommitWire {
  /** The database's URL, through the wire. */
  readonly url: string;
  /** COMMITs that were cut so far. */
  readonly cuts: number;
  cutNext(how: Cut): void;
  close(): void;
}

/** COM_QUERY (3) with a text that is, or ends in, COMMIT. */
function isCommit(data: Buffer): boolean {
  return data[4] === 3 && data.subarray(-6).toString('latin1') === 'COMMIT';
}

/** @param databaseUrl of a server on 127.0.0.1 */
export async function layCommitWire(databaseUrl: string): Promise<CommitWire> {
  const target = Number(new URL(databaseUrl).port);
  const sockets = new Set<Socket>();
  let next: Cut | undefined;
  let cuts = 0;
  const wire = createServer((client) => {
    const server = connect(target, '127.0.0.1');
    let deaf = false;
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        // What it was sent, COMMIT at the end, it still reads: an answer may have come to what went before.
        if (deaf) server.end();
        else server.destroy();
      });
    }
    client.on('data', (data: Buffer) => {
      const how = next;
      if (how === undefined || !isCommit(data)) {
        server.write(data);
        return;
      }
      next = undefined;
      cuts++;
      deaf = true;
      if (how === 'before') client.destroy();
      else server.write(data);
    });
    server.on('data', (data) => {
      if (deaf) client.destroy();
      else client.write(data);
    });
  });
  await new Promise<void>((done) => wire.listen(0, '127.0.0.1', done));
  const address = wire.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: databaseUrl.replace(/:\d+\//, `:${port}/`),
    get cuts() {
      return cuts;
    },
    cutNext(how) {
      next = how;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      wire.close();
    },
  };
}
