import { connect, createServer, type Socket } from 'node:net';

/** What the wire does to the next COMMIT: the server never gets it, its answer never comes back, or who asks next after its answer finds nobody. */
export type Cut = 'before' | 'after' | 'answered';

/** A TCP proxy before a database that can break a connection at COMMIT. */
export interface CommitWire {
  /** The database's URL, through the wire. */
  readonly url: string;
  /** COMMITs that were cut so far. */
  readonly cuts: number;
  cutNext(how: Cut): void;
  /** The database that went away is back. */
  mend(): void;
  close(): void;
}

const COM_QUERY = 3;
const COM_STMT_PREPARE = 22;
const COM_STMT_EXECUTE = 23;

/** Knows what of a connection's packets commits: a text that is, or ends in, COMMIT, and a CALL, as our procedures commit themselves. */
class CommitPackets {
  #preparesCall = false;
  /** Ids of prepared CALLs. */
  readonly #calls = new Set<number>();

  isCommit(fromClient: Buffer): boolean {
    const command = fromClient[4];
    if (command === COM_STMT_PREPARE) this.#preparesCall = fromClient.subarray(5, 10).toString('latin1') === 'CALL ';
    if (command === COM_STMT_EXECUTE) return this.#calls.has(fromClient.readUInt32LE(5));
    return command === COM_QUERY && fromClient.subarray(-6).toString('latin1') === 'COMMIT';
  }

  learn(fromServer: Buffer): void {
    if (this.#preparesCall && fromServer[4] === 0) this.#calls.add(fromServer.readUInt32LE(5));
    this.#preparesCall = false;
  }
}

/** @param databaseUrl of a server on 127.0.0.1 */
export async function layCommitWire(databaseUrl: string): Promise<CommitWire> {
  const target = Number(new URL(databaseUrl).port);
  const sockets = new Set<Socket>();
  let next: Cut | undefined;
  let cuts = 0;
  let away = false;
  let leaving = false;
  const goAway = (): void => {
    away = true;
    leaving = false;
    for (const socket of sockets) socket.destroy();
  };
  const wire = createServer((client) => {
    if (away) return void client.destroy();
    const server = connect(target, '127.0.0.1');
    const packets = new CommitPackets();
    let deaf = false;
    let last = false;
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
      if (leaving) return goAway();
      const how = next;
      if (!packets.isCommit(data) || how === undefined) {
        server.write(data);
        return;
      }
      next = undefined;
      cuts++;
      deaf = how !== 'answered';
      last = how === 'answered';
      if (how === 'before') client.destroy();
      else server.write(data);
    });
    server.on('data', (data) => {
      packets.learn(data);
      if (deaf) client.destroy();
      else client.write(data);
      if (last) leaving = true;
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
    mend() {
      away = false;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      wire.close();
    },
  };
}
