import type { Socket } from 'node:net';
import { type Reply, replyLine } from '../reply.ts';
import { oneLine } from './line-text.ts';

/** What a connection says: replies to pipelined commands are gathered into few packets (RFC 2920 §3.2). */
export class ReplyWriter {
  readonly #connection: { readonly _socket: Socket; readonly _upgrading: boolean };
  #corked = false;

  /** @param connection its socket changes with STARTTLS */
  constructor(connection: { readonly _socket: Socket; readonly _upgrading: boolean }) {
    this.#connection = connection;
  }

  /** While more input is at hand replies wait; each call with false sends them. */
  gather(more: boolean): void {
    if (!more) this.flush();
    else if (!this.#corked) {
      this.#corked = true;
      this.#connection._socket.cork();
    }
  }

  flush(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#connection._socket.uncork();
  }

  replies(replies: readonly Reply[]): void {
    this.octets(replies.map((r) => `${replyLine({ ...r, text: oneLine(r.text) })}\r\n`).join(''));
  }

  reply(r: Reply): void {
    this.replies([r]);
  }

  /** A reply of several lines (EHLO), which has no enhanced status (RFC 2034 §4). */
  lines(code: number, lines: readonly string[]): void {
    this.octets(lines.map((line, i) => `${code}${i < lines.length - 1 ? '-' : ' '}${line}\r\n`).join(''));
  }

  octets(octets: string): void {
    const { _socket, _upgrading } = this.#connection;
    // During the handshake the socket is still the plain one: nothing may be said there.
    if (_upgrading || _socket.destroyed || !_socket.writable) return;
    _socket.write(octets);
  }
}
