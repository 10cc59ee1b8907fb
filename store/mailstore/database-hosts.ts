import { connect, type Socket } from 'node:net';
import { socketOf, urlsOfHosts } from '@postern/shared/runtime/database-url.ts';
import { readInTurns } from './turns.ts';

/** A statement that waits for so long is a reason to ask whether its server still lives. */
const DOUBTFUL_MS = 15_000;
const LOOK_EVERY_MS = 5_000;
/** A server that lives greets a new connection within this time, whatever its statements do. */
const GREETING_MS = 5_000;
const DEFAULT_PORT = 3306;

/** A connection on its way to a host. */
export interface DatabaseLink {
  readonly socket: Socket;
  /** It is of use: from now on a close does not speak against its host. */
  proven(): void;
  /** Its host can serve nobody now: the connection ends with this fault, and the next host has its turn. */
  fail(fault: Error): void;
  /** Counts a statement that waits for an answer. */
  asked(): void;
  /** One of them waits no more. */
  answered(): void;
}

interface Host {
  readonly name: string;
  readonly open: () => Socket;
}

interface Link {
  readonly host: Host;
  readonly socket: Socket;
  /** How many wait for an answer, and since when nothing was answered. */
  statements: number;
  since: number;
}

/**
 * The hosts of a database URL. New connections go to one of them, until it fails: then to the next. A host fails that takes
 * no connection, that says it cannot serve, or that leaves statements unanswered and does not even greet any more (a cut
 * cable, a process that stands still); its statements end then, instead of own for as long as the kernel does.
 */
export class DatabaseHosts {
  readonly #hosts: readonly Host[];
  readonly #links = new Set<Link>();
  readonly #onFailed: (from: string, to: string) => void;
  readonly #timer: NodeJS.Timeout;
  #current = 0;
  #looking = false;

  /** @param onFailed told with names of hosts when another one has its turn */
  constructor(url: string, onFailed: (from: string, to: string) => void) {
    this.#hosts = urlsOfHosts(url).map(hostOf);
    this.#onFailed = onFailed;
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  get count(): number {
    return this.#hosts.length;
  }

  open(): DatabaseLink {
    const host = this.#hosts[this.#current] as Host;
    const socket = host.open();
    readInTurns(socket);
    let proven = false;
    const own: Link = { host, socket, statements: 0, since: 0 };
    this.#links.add(own);
    socket.once('close', () => {
      this.#links.delete(own);
      if (!proven) this.#failed(host);
    });
    return {
      socket,
      fail: (fault) => {
        socket.destroy(fault);
        this.#failed(host);
        // Where another host is there, nobody is given a connection that waits for use.
        const idle = [...this.#links].filter((link) => link.host === host && link.statements === 0);
        if (this.#hosts.length > 1) for (const link of idle) link.socket.destroy(fault);
      },
      proven() {
        proven = true;
      },
      asked() {
        if (own.statements++ === 0) own.since = performance.now();
      },
      answered() {
        own.statements--;
        own.since = performance.now();
      },
    };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #failed(host: Host): void {
    if (this.#hosts.length === 1 || this.#hosts[this.#current] !== host) return;
    this.#current = (this.#current + 1) % this.#hosts.length;
    this.#onFailed(host.name, this.#hosts[this.#current]?.name ?? '');
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const before = performance.now() - DOUBTFUL_MS;
    const doubtful = [...this.#links].filter(({ statements, since }) => statements > 0 && since < before);
    const byHost = Map.groupBy(doubtful, ({ host }) => host);
    await Promise.all(
      [...byHost].map(async ([host, links]) => {
        if (await greets(host)) return;
        const fault = Object.assign(new Error(`the database server at ${host.name} stands still`), {
          code: 'ETIMEDOUT',
        });
        for (const link of links) link.socket.destroy(fault);
        this.#failed(host);
      }),
    );
    this.#looking = false;
  }
}

function hostOf(url: string): Host {
  const { hostname, port } = new URL(url);
  const { socketPath } = socketOf(url);
  if (socketPath !== undefined) return { name: socketPath, open: () => connect(socketPath) };
  const at = { host: decodeURIComponent(hostname.replace(/^\[(.*)\]$/, '$1')), port: Number(port) || DEFAULT_PORT };
  return {
    name: `${hostname}:${at.port}`,
    open() {
      const socket = connect(at);
      socket.setNoDelay(true);
      socket.on('connect', () => socket.setKeepAlive(true));
      return socket;
    },
  };
}

/** A server of MySQL's protocol speaks first. */
function greets(host: Host): Promise<boolean> {
  return new Promise((done) => {
    const socket = host.open();
    const end = (greeted: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      done(greeted);
    };
    const timer = setTimeout(end, GREETING_MS, false);
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
}
