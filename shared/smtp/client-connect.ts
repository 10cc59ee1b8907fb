import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { MIN_TLS_VERSION } from '../runtime/tls.ts';
import type { ClientOptions, ClientTimeouts } from './client-options.ts';
import { Wire, type WireReply } from './client-wire.ts';
import { isPositive, replyLine } from './reply.ts';

/** The server could not be reached, or refused to talk to us: `message` says where and why. */
export class ConnectFailure extends Error {
  override readonly name = 'ConnectFailure';
}

const DEFAULT_TIMEOUTS: ClientTimeouts = {
  connectMs: 10_000,
  commandMs: 60_000,
  dataMs: 120_000,
  finalReplyMs: 120_000,
};

export function timeoutsOf(options: ClientOptions): ClientTimeouts {
  return { ...DEFAULT_TIMEOUTS, ...options.timeouts };
}

export interface OpenWire {
  readonly wire: Wire;
  readonly capabilities: ReadonlyMap<string, string>;
}

/** Connects, protects, greets; everything within `connectMs`. Rejects with {@link ConnectFailure}. */
export async function openWire(options: ClientOptions): Promise<OpenWire> {
  const { connectMs } = timeoutsOf(options);
  const deadlineAt = performance.now() + connectMs;
  const left = (): number => Math.max(1, deadlineAt - performance.now());
  let wire: Wire | undefined;
  try {
    const tcp = await established(tcpSocket(options), 'connect', left());
    wire = new Wire(options.tls.mode === 'implicit' ? await secured(tcp, options, left()) : tcp);
    expectPositive(await wire.reply(left()), 'greeting');
    let capabilities = await hello(wire, options, left());
    if (options.tls.mode === 'starttls') {
      if (!capabilities.has('STARTTLS')) throw new Error('STARTTLS is demanded and not offered');
      await wire.write('STARTTLS\r\n', left());
      expectPositive(await wire.reply(left()), 'STARTTLS');
      // RFC 3207 §4.2 and its errata: replies that came in plain text before the handshake count for nothing.
      if (!wire.idle) throw new Error('the server talks between STARTTLS and the handshake');
      wire = new Wire(await secured(wire.release(), options, left()));
      capabilities = await hello(wire, options, left());
    }
    return { wire, capabilities };
  } catch (error) {
    wire?.socket.destroy();
    throw new ConnectFailure(`${options.host}:${options.port}: ${describe(error as Error)}`, { cause: error });
  }
}

/** Node leaves the message of several failed addresses empty. */
function describe(error: Error & { readonly code?: string }): string {
  return error.message === '' ? (error.code ?? error.name) : error.message;
}

function tcpSocket(options: ClientOptions): Socket {
  const { host, port, localAddress } = options;
  return connectTcp({ host, port, noDelay: true, ...(localAddress === undefined ? {} : { localAddress }) });
}

function secured(tcp: Socket, options: ClientOptions, timeoutMs: number): Promise<Socket> {
  const { ca, cert, key, serverName } = options.tls;
  const name = serverName ?? options.host;
  const settings: ConnectionOptions = {
    socket: tcp,
    host: name,
    minVersion: MIN_TLS_VERSION,
    rejectUnauthorized: true,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  const tls = connectTls(settings);
  tcp.on('error', (error) => tls.destroy(error));
  return established(tls, 'secureConnect', timeoutMs);
}

function established(socket: Socket, event: 'connect' | 'secureConnect', timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new Error('time-out while connecting')), timeoutMs);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const onClose = (): void => fail(new Error('connection closed while connecting'));
    socket.once('error', fail);
    socket.once('close', onClose);
    socket.once(event, () => {
      clearTimeout(timer);
      socket.off('error', fail);
      socket.off('close', onClose);
      resolve(socket);
    });
  });
}

async function hello(wire: Wire, options: ClientOptions, timeoutMs: number): Promise<ReadonlyMap<string, string>> {
  const verb = options.protocol === 'lmtp' ? 'LHLO' : 'EHLO';
  await wire.write(`${verb} ${options.heloName}\r\n`, timeoutMs);
  const answer = await wire.reply(timeoutMs);
  if (options.protocol === 'smtp' && (answer.code === 500 || answer.code === 502)) {
    // RFC 5321 §3.2: a server without EHLO is spoken to with HELO.
    await wire.write(`HELO ${options.heloName}\r\n`, timeoutMs);
    expectPositive(await wire.reply(timeoutMs), 'HELO');
    return new Map();
  }
  expectPositive(answer, verb);
  return new Map(
    answer.lines.slice(1).map((line) => {
      const [keyword = '', ...rest] = line.trim().split(' ');
      return [keyword.toUpperCase(), rest.join(' ')];
    }),
  );
}

function expectPositive(answer: WireReply, what: string): void {
  if (!isPositive(answer)) throw new Error(`${what} refused: ${replyLine(answer)}`);
}
