import type { Directory, Service } from '@postern/shared/directory/directory.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import { signedIn, signInEnded } from '@postern/shared/runtime/mail-events.ts';
import { MailstoreUnavailable } from '../awaited-mailstore.ts';
import { CommitOutcomeUnknown, isDatabaseAway, type Mailstore, type StoredAccount } from '../mailstore/mailstore.ts';
import type { OpenSessions } from '../sign-in/open-sessions.ts';
import { signInByPassword } from '../sign-in/password.ts';
import type { SessionCounts, SignInThrottle } from '../sign-in/sign-in-limits.ts';
import { type ClientConnection, ConnectionGone, type FrameOf, type InputFramer } from './client-connection.ts';
import { isLoopback } from './loopback.ts';
import { CommandPace } from './pace.ts';
import type { PieceWriter } from './piece-writer.ts';
import type { ServedSession } from './session-server.ts';
import type { ServerTls } from './tls-identity.ts';

/** Bad commands in a row after which a client is taken for something that speaks another protocol. */
const MAX_BAD_IN_A_ROW = 10;

/** What all sessions of a simple service share. */
export interface ClientServices {
  /** Its name in the directory (authorizedService) and in the log. */
  readonly service: Service;
  readonly mailstore: Mailstore;
  readonly directory: Directory;
  readonly throttle: SignInThrottle;
  readonly accountSessions: SessionCounts;
  /** Ends sessions of accounts that may sign in no more; undefined: they last until they end by themselves. */
  readonly openSessions: OpenSessions | undefined;
  readonly tls: ServerTls;
  readonly log: Log;
  readonly loginTimeoutMs: number;
  readonly autologoutMs: number;
  readonly maxCommandsPerSecond: number;
  readonly allowPlaintextLoopback: boolean;
}

export type SignInOutcome = 'signed-in' | 'refused' | 'unavailable' | 'too-many';

/** Why the server ends a session. */
export type EndingWhy = 'idle' | 'stopping' | 'bad-commands' | 'fault' | 'no-longer-allowed';

/** Why a command could not be carried out: the database is away, nobody knows whether it was, or there is a defect. */
export type CommandFault = 'away' | 'outcome-unknown' | 'defect';

/**
 * A session of a protocol with one command after the other, such as POP3 and ManageSieve: reads frames, lets the protocol answer
 * each, and keeps the limits of time and pace.
 */
export abstract class ClientSession<
  Framer extends InputFramer = InputFramer,
  Writer extends PieceWriter = PieceWriter,
  Services extends ClientServices = ClientServices,
> implements ServedSession
{
  readonly id: string;
  readonly client: string;
  readonly services: Services;
  readonly connection: ClientConnection<Framer, Writer>;
  readonly log: Log;
  readonly #pace: CommandPace;
  readonly #over: Promise<void>;
  #isOver: () => void = () => undefined;
  #account: StoredAccount | undefined;
  #loginDeadlineMs = 0;
  /** Why the session ends before its next command. */
  #ending: EndingWhy | undefined;
  #leaveOpenSessions: (() => void) | undefined;
  #leaving = false;
  #ended = false;
  #interrupt: (() => void) | undefined;
  #afterResponse: (() => Promise<void>) | undefined;
  #upcoming: FrameOf<Framer> | undefined;

  constructor(
    peer: { readonly id: string; readonly client: string },
    services: Services,
    connection: ClientConnection<Framer, Writer>,
  ) {
    this.id = peer.id;
    this.client = peer.client;
    this.services = services;
    this.connection = connection;
    this.log = services.log;
    this.#pace = new CommandPace(services.maxCommandsPerSecond);
    this.#over = new Promise((resolve) => {
      this.#isOver = resolve;
    });
  }

  /** Writes the greeting. */
  protected abstract greet(): void;
  /** Answers a command; false when it was none. */
  protected abstract handle(frame: FrameOf<Framer>): Promise<boolean>;
  /** Answers a command that came to a fault. */
  protected abstract answerFault(fault: CommandFault): void;
  /** Writes what the protocol has for the end of a session, if anything. */
  protected abstract lastWords(why: EndingWhy): void;
  /** The session was signed in, or is so no longer: the framer's limits may change. */
  protected abstract signedInChanged(signedIn: boolean): void;

  get out(): Writer {
    return this.connection.out;
  }

  get mailstore(): Mailstore {
    return this.services.mailstore;
  }

  get isSignedIn(): boolean {
    return this.#account !== undefined;
  }

  /** Who signed in; only for commands after sign-in. */
  get account(): StoredAccount {
    if (this.#account === undefined) throw new Error('nobody has signed in');
    return this.#account;
  }

  /** No password in clear, but over loopback where the configuration allows that. */
  get passwordsAllowed(): boolean {
    return this.connection.encrypted || (this.services.allowPlaintextLoopback && isLoopback(this.client));
  }

  /** Checks a password, and begins the session of its account. The client hears of all refusals alike. */
  async signIn(user: string, password: string): Promise<SignInOutcome> {
    const { service, accountSessions } = this.services;
    const answer = await signInByPassword(this.services, {
      session: this.id,
      service,
      client: this.client,
      trustedHost: false,
      user,
      password,
      gone: () => this.connection.gone,
    });
    if (answer.kind === 'gone') throw new ConnectionGone();
    if (answer.kind !== 'granted') return answer.kind;
    if (!(await accountSessions.admit(answer.account.id))) return 'too-many';
    const { account, entry, appPassword } = answer;
    this.#account = account;
    this.#leaveOpenSessions = this.services.openSessions?.add({
      openedBy: { service, entry, appPassword },
      end: (why) => {
        signInEnded(this.log, { session: this.id, service, user: account.address, why });
        this.#endFor('no-longer-allowed');
      },
    });
    this.signedInChanged(true);
    signedIn(this.log, { session: this.id, service, client: this.client, user });
    return 'signed-in';
  }

  signOut(): void {
    if (this.#account === undefined) return;
    this.#leaveOpenSessions?.();
    this.services.accountSessions.dismiss(this.#account.id);
    this.#account = undefined;
    this.signedInChanged(false);
    this.#loginDeadlineMs = performance.now() + this.services.loginTimeoutMs;
  }

  /** The session ends behind the answer to the command under way. */
  leave(): void {
    this.#leaving = true;
  }

  /** Something to do once the answer to the command under way has gone out: beginning TLS. */
  afterResponse(action: () => Promise<void>): void {
    this.#afterResponse = action;
  }

  /** Waits for the client where it is slow: call it between pieces of a long answer. */
  flow(): Promise<void> {
    return this.connection.flow(false);
  }

  /** The client's next frame inside of a command (SASL); `timeout` when sign-in takes too long. */
  async nextFrame(): Promise<FrameOf<Framer> | 'timeout'> {
    await this.connection.flow(true);
    const upcoming = this.#upcoming;
    this.#upcoming = undefined;
    const frame = upcoming ?? (await this.connection.frameBefore(this.#loginDeadlineMs));
    return frame === 'interrupted' ? 'timeout' : frame;
  }

  /** Runs until the client leaves, breaks a limit or the server stops. Never rejects. */
  async run(): Promise<void> {
    try {
      this.greet();
      await this.connection.flow(true);
      const why = await this.#loop();
      if (why !== undefined) this.lastWords(why);
    } catch (error) {
      if (!(error instanceof ConnectionGone)) {
        this.log.error({ event: 'session-fault', session: this.id, service: this.services.service, err: error });
        this.lastWords('fault');
      }
    } finally {
      this.#ended = true;
      this.signOut();
      await this.connection.end();
      this.#isOver();
    }
  }

  async stop(graceMs: number): Promise<void> {
    if (this.#ended) return;
    this.#endFor('stopping');
    const timer = setTimeout(this.connection.destroy, graceMs + 1);
    await this.#over;
    clearTimeout(timer);
  }

  #endFor(why: EndingWhy): void {
    this.#ending = why;
    this.#interrupt?.();
  }

  async #loop(): Promise<EndingWhy | undefined> {
    this.#loginDeadlineMs = performance.now() + this.services.loginTimeoutMs;
    let badInARow = 0;
    for (;;) {
      if (this.#ending !== undefined) return this.#ending;
      const frame = await this.#nextCommand();
      if (frame === 'interrupted') continue;
      if (frame === 'timeout') return 'idle';
      const pause = this.#pace.keep();
      if (pause !== undefined) await pause;
      badInARow = (await this.#answer(frame)) ? 0 : badInARow + 1;
      const after = this.#afterResponse;
      this.#afterResponse = undefined;
      if (after !== undefined) {
        // Nothing that was sent before TLS counts.
        this.#upcoming = undefined;
        await after();
        continue;
      }
      if (this.#leaving) return undefined;
      this.#upcoming ??= this.connection.nextFrame();
      await this.connection.endResponse(this.#upcoming !== undefined);
      if (badInARow >= MAX_BAD_IN_A_ROW) return 'bad-commands';
    }
  }

  async #nextCommand(): Promise<FrameOf<Framer> | 'timeout' | 'interrupted'> {
    const upcoming = this.#upcoming;
    this.#upcoming = undefined;
    if (upcoming !== undefined) return upcoming;
    const deadline = this.isSignedIn ? performance.now() + this.services.autologoutMs : this.#loginDeadlineMs;
    const frame = await this.connection.frameBefore(deadline, (fire) => {
      this.#interrupt = fire;
    });
    this.#interrupt = undefined;
    return frame;
  }

  /** The one place where a fault of a command becomes an answer. */
  async #answer(frame: FrameOf<Framer>): Promise<boolean> {
    try {
      return await this.handle(frame);
    } catch (error) {
      if (error instanceof ConnectionGone) throw error;
      const known = { session: this.id, service: this.services.service, err: error };
      if (error instanceof CommitOutcomeUnknown) {
        this.log.error({ event: 'outcome-unknown', ...known });
        this.answerFault('outcome-unknown');
      } else if (error instanceof MailstoreUnavailable || isDatabaseAway(error)) {
        this.log.warn({ event: 'database-away', ...known });
        this.answerFault('away');
      } else {
        this.log.error({ event: 'command-fault', ...known });
        this.answerFault('defect');
      }
      return true;
    }
  }
}
