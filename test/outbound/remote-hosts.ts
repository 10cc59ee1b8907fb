import { createServer, type Server, type Socket } from 'node:net';
import { freePort } from '@postern/infra/demo/free-port.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { type Listener, type ListenerTls, type SmtpHandlers, startListener } from '@postern/shared/smtp/listener.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';

/** A message as a mail server outside got it. */
export interface Arrived {
  readonly host: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly content: string;
  readonly tls: string | undefined;
  readonly connection: string;
  readonly ret: string | undefined;
  readonly envid: string | undefined;
  readonly recipients: readonly {
    readonly address: string;
    readonly notify?: readonly string[] | undefined;
    readonly orcpt?: string | undefined;
  }[];
}

export interface RemoteBehaviour {
  readonly tls?: Omit<ListenerTls, 'mode'>;
  readonly atRecipient?: (address: string) => Reply;
  readonly atData?: (arrived: Arrived) => Reply | Promise<Reply>;
  readonly atConnect?: () => Reply | undefined;
}

const OK = reply(250, '2.0.0', 'OK');

/** Mail servers outside: all listen on one port, each on a loopback address of its own. */
export class RemoteHosts {
  readonly port: number;
  readonly arrived: Arrived[] = [];
  readonly #listeners: Listener[] = [];
  readonly #silent: { readonly server: Server; readonly sockets: Set<Socket> }[] = [];

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<RemoteHosts> {
    return new RemoteHosts(await freePort());
  }

  async add(address: string, behaviour: RemoteBehaviour = {}): Promise<void> {
    const handlers: SmtpHandlers = {
      onConnect: () => behaviour.atConnect?.(),
      onMail: () => OK,
      onRecipient: (_, { address: to }) => behaviour.atRecipient?.(to) ?? OK,
      onData: async (session, { reversePath, recipients, ret, envid }, { content }) => {
        const arrived: Arrived = {
          host: address,
          from: reversePath,
          to: recipients.map((r) => r.address),
          content: content.toString('latin1'),
          tls: session.tls?.protocol,
          connection: session.id,
          ...{ ret, envid, recipients: [...recipients] },
        };
        const answer = (await behaviour.atData?.(arrived)) ?? OK;
        if (answer.code === 250) this.arrived.push(arrived);
        return answer;
      },
    };
    const tls = behaviour.tls === undefined ? undefined : { mode: 'starttls' as const, ...behaviour.tls };
    this.#listeners.push(
      await startListener({
        protocol: 'smtp',
        hostname: `host-${address}.example`,
        address,
        port: this.port,
        tls,
        handlers,
        log: silentLog(),
      }),
    );
  }

  /** A host that takes connections and says nothing. */
  async addSilent(address: string): Promise<void> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(this.port, address, resolve));
    this.#silent.push({ server, sockets });
  }

  /** What arrived whose text holds a mark. */
  with(mark: string): readonly Arrived[] {
    return this.arrived.filter(({ content }) => content.includes(mark));
  }

  async stop(): Promise<void> {
    for (const { server, sockets } of this.#silent) {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
    await Promise.all(this.#listeners.map((listener) => listener.close(0)));
  }
}
