import { setTimeout as pause } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';

export interface ImapLogin {
  readonly host: string;
  readonly port: number;
  /** PEM text of the CA, and the name that the server's certificate must carry. */
  readonly ca: string;
  readonly serverName: string;
  readonly user: string;
  readonly password: string;
  readonly deadlineMs: number;
}

/**
 * Reads back one message by IMAP over TLS: signs in, looks into INBOX for the message id until the deadline, and fetches
 * its octets. Not a client for anything else: it knows the four commands that it sends.
 */
export async function fetchByMessageId(login: ImapLogin, messageId: string): Promise<Buffer> {
  const socket = connect({ host: login.host, port: login.port, ca: login.ca, servername: login.serverName });
  socket.setTimeout(login.deadlineMs, () => socket.destroy(new Error('the IMAP server did not answer in time')));
  const exchange = new ImapExchange(socket);
  try {
    await exchange.greeting();
    await exchange.command(`LOGIN ${quoted(login.user)} ${quoted(login.password)}`);
    const deadline = Date.now() + login.deadlineMs;
    while (true) {
      await exchange.command('SELECT INBOX');
      const found = await exchange.command(`UID SEARCH HEADER Message-ID ${quoted(messageId)}`);
      const uid = /^\* SEARCH (\d+)/m.exec(found.toString('latin1'))?.[1];
      if (uid !== undefined) {
        const message = literalOf(await exchange.command(`UID FETCH ${uid} (BODY.PEEK[])`));
        await exchange.command('LOGOUT');
        return message;
      }
      if (Date.now() > deadline) throw new Error(`the message ${messageId} is not in INBOX of ${login.user}`);
      await pause(100);
    }
  } finally {
    socket.destroy();
  }
}

class ImapExchange {
  readonly #socket: TLSSocket;
  readonly #chunks: AsyncIterator<Buffer>;
  #pending = Buffer.alloc(0);
  #tag = 0;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async greeting(): Promise<void> {
    const line = await this.#through(/^\* (?:OK|PREAUTH|BYE)[^\r\n]*\r\n/);
    if (line.toString().startsWith('* BYE')) throw new Error(`the IMAP server refused: ${line.toString().trim()}`);
  }

  /** Sends a command, and returns everything up to its tagged OK. */
  async command(text: string): Promise<Buffer> {
    this.#tag += 1;
    const tag = `p${this.#tag}`;
    this.#socket.write(`${tag} ${text}\r\n`);
    const response = await this.#through(new RegExp(`(?:^|\\r\\n)${tag} (?:OK|NO|BAD)[^\\r\\n]*\\r\\n`));
    const last = response.toString('latin1').trimEnd().split('\r\n').at(-1) ?? '';
    if (!last.startsWith(`${tag} OK`)) throw new Error(`IMAP ${text.split(' ', 1)[0]}: ${last}`);
    return response;
  }

  /** Reads until the pattern was seen, and returns all up to its end. */
  async #through(pattern: RegExp): Promise<Buffer> {
    while (true) {
      const match = pattern.exec(this.#pending.toString('latin1'));
      if (match !== null) {
        const end = match.index + match[0].length;
        const read = this.#pending.subarray(0, end);
        this.#pending = this.#pending.subarray(end);
        return read;
      }
      const { value, done } = await this.#chunks.next();
      if (done === true) throw new Error('the IMAP server closed the connection');
      this.#pending = Buffer.concat([this.#pending, value]);
    }
  }
}

/** RFC 9051 §9: literal = "{" number64 ["+"] "}" CRLF *CHAR8. */
function literalOf(response: Buffer): Buffer {
  const head = /\{(\d+)\}\r\n/.exec(response.toString('latin1'));
  if (head === null) throw new Error('the IMAP server sent no message');
  const start = head.index + head[0].length;
  return response.subarray(start, start + Number(head[1]));
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
