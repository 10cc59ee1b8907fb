import type { Socket } from 'node:net';

/** Writes, and waits until what came back matches; rejects when the connection is closed before. Octets are latin1. */
export function talk(socket: Socket, lines: string, until: RegExp): Promise<string> {
  let heard = '';
  return new Promise((resolve, reject) => {
    const listen = (chunk: Buffer): void => {
      heard += chunk.toString('latin1');
      if (!until.test(heard)) return;
      socket.off('data', listen);
      socket.off('close', lost);
      resolve(heard);
    };
    const lost = (): void => reject(new Error(`closed after ${JSON.stringify(heard)}`));
    socket.on('data', listen);
    socket.on('close', lost);
    socket.write(Buffer.from(lines, 'latin1'));
  });
}
