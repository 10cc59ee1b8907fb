import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy before a database that writes down what is asked by COM_QUERY, one entry a packet. */
export interface StatementWire {
  /** The database's URL, through the wire. */
  readonly url: string;
  readonly texts: readonly string[];
  close(): void;
}

const COM_QUERY = 3;
const HEADER = 4;

/** @param databaseUrl of a server on 127.0.0.1 */
export async function layStatementWire(databaseUrl: string): Promise<StatementWire> {
  const target = Number(new URL(databaseUrl).port);
  const sockets = new Set<Socket>();
  const texts: string[] = [];
  const wire = createServer((client) => {
    const server = connect(target, '127.0.0.1');
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        server.destroy();
      });
    }
    let waiting = Buffer.alloc(0);
    client.on('data', (data: Buffer) => {
      server.write(data);
      waiting = Buffer.concat([waiting, data]);
      while (waiting.length >= HEADER && waiting.length >= HEADER + waiting.readUIntLE(0, 3)) {
        const end = HEADER + waiting.readUIntLE(0, 3);
        if (waiting[HEADER] === COM_QUERY) texts.push(waiting.toString('latin1', HEADER + 1, end));
        waiting = waiting.subarray(end);
      }
    });
    server.on('data', (data) => client.write(data));
  });
  await new Promise<void>((done) => wire.listen(0, '127.0.0.1', done));
  const address = wire.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: databaseUrl.replace(/:\d+\//, `:${port}/`),
    texts,
    close() {
      for (const socket of sockets) socket.destroy();
      wire.close();
    },
  };
}
