import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { MIN_TLS_VERSION } from '../runtime/tls.ts';
import type { ClientOptions, ClientTimeouts } from './client-options.ts';
import { Wire, type WireReply } from './client-wire.ts';
import { isPositive, type Reply, replyLine } from './reply.ts';

/** The server could not be reached, or refused to talk to us: `message` says where and why. */
export class ConnectFailure extends Error {
  override readonly name = 'ConnectFailure';
  /** What was going on: the network, TLS, or the server's own refusal in `reply`. */
  readonly stage: ConnectStage;
  /** The server's words, when it was it that refused. */
  readonly reply: Reply | undefined;

  constructor(message: string, stage: ConnectStage, reply?: Reply, options?: ErrorOptions) {
    super(message, options);
    this.stage = stage;
    this.reply = reply;
  }
}

/** `no-tls`: the server does not offer what is demanded. `certificate`: TLS stands, and the certificate is not right. */
export type ConnectStage = 'network' | 'greeting' | 'no-tls' | 'handshake' | 'certificate';

/** A step of connecting that did not succeed. */
class StepFailure extends Error {
  readonly stage: ConnectStage;
  readonly reply: Reply | undefined;

  constructor(message: string, stage: ConnectStage, reply?: Reply) {
    super(message);
    this.stage = stage;
    this.reply = reply;
  }
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
    const { mode } = options.tls;
    if (mode === 'starttls' && !capabilities.has('STARTTLS')) {
      throw new StepFailure('STARTTLS is demanded and not offered', 'no-tls');
    }
    if (mode === 'starttls' || (mode === 'offered' && capabilities.has('STARTTLS'))) {
      await wire.write('STARTTLS\r\n', left());
      expectPositive(await wire.reply(left()), 'STARTTLS', 'no-tls');
      // RFC 3207 §4.2 and its errata: replies that came in plain text before the handshake count for nothing.
      if (!wire.idle) throw new StepFailure('the server talks between STARTTLS and the handshake', 'handshake');
      wire = new Wire(await secured(wire.release(), options, left()));
      capabilities = await hello(wire, options, left());
    }
    return { wire, capabilities };
  } catch (error) {
    wire?.socket.destroy();
    const failed = error instanceof StepFailure ? error : undefined;
    const message = `${options.host}:${options.port}: ${describe(error as Error)}`;
    throw new ConnectFailure(message, failed?.stage ?? 'network', failed?.reply, { cause: error });
  }
}

/** Node leaves the message of several failed addresses empty. */
function describe(error: Error & { readonly code?: string }): string {
  return error.message === '' ? (error.code ?? error.name) : error.message;
}

function tcpSocket(options: ClientOptions): Socket {
  const { host, port, localAddress, signal } = options;
  return connectTcp({
    ...{ host, port, noDelay: true },
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function secured(tcp: Socket, options: ClientOptions, timeoutMs: number): Promise<Socket> {
  const { ca, cert, key, serverName, judge, mode } = options.tls;
  const own = judge ?? (mode === 'offered' ? anyCertificate : undefined);
  const name = serverName ?? options.host;
  const settings: ConnectionOptions = {
    socket: tcp,
    host: name,
    minVersion: MIN_TLS_VERSION,
    rejectUnauthorized: own === undefined,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  const tls = connectTls(settings);
  tcp.on('error', (error) => tls.destroy(error));
  try {
    await established(tls, 'secureConnect', timeoutMs);
  } catch (error) {
    throw new StepFailure(describe(error as Error), isAboutCertificate(error) ? 'certificate' : 'handshake');
  }
  const fault = own?.(tls);
  if (fault === undefined) return tls;
  tls.destroy();
  throw new StepFailure(fault, 'certificate');
}

function anyCertificate(_socket: TLSSocket): undefined {
  return undefined;
}

/** Codes of node and OpenSSL for a certificate that does not verify. */
function isAboutCertificate(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return /^(?:CERT_|UNABLE_TO_|ERR_TLS_CERT|SELF_SIGNED|DEPTH_ZERO|INVALID_CA|HOSTNAME_MISMATCH)/.test(code);
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

function expectPositive(answer: WireReply, what: string, stage: ConnectStage = 'greeting'): void {
  if (!isPositive(answer)) throw new StepFailure(`${what} refused: ${replyLine(answer)}`, stage, answer);
}
