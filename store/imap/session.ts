import { setTimeout as pause } from 'node:timers/promises';
import type { SecureContext } from 'node:tls';
import type { CredentialWriter } from '@postern/shared/directory/credential-writer.ts';
import type { Account, Directory } from '@postern/shared/directory/directory.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { TokenScope } from '@postern/shared/settings/token.ts';
import { MailstoreUnavailable } from '../awaited-mailstore.ts';
import type { StoreConfig } from '../config.ts';
import type { LiteralBudget } from '../connection/literal-budget.ts';
import type { ScriptLanguage } from '../delivery/rules/script-language.ts';
import type { Outbox } from '../hub/outbox.ts';
import { CommitOutcomeUnknown, isDatabaseAway, type Mailstore, type StoredAccount } from '../mailstore/mailstore.ts';
import type { OpenSessions } from '../sign-in/open-sessions.ts';
import type { SessionCounts, SignInThrottle } from '../sign-in/sign-in-limits.ts';
import type { TrustedClients } from '../sign-in/trusted-clients.ts';
import { capabilities, capabilityOn } from './capability.ts';
import type { Frame, RefusedWhy, Segment } from './codec/command.ts';
import { ArgumentReader, CommandSyntaxError } from './codec/lexer.ts';
import type { ResponseWriter } from './codec/response.ts';
import type { AnyCommand } from './commands/command.ts';
import { findCommand } from './commands/table.ts';
import { bad, type Completion, formatCompletion, no } from './completion.ts';
import { type Connection, ConnectionGone } from './connection.ts';
import { Goodbye } from './goodbye.ts';
import type { Notifications } from './notifications.ts';
import type { Selected, SignedIn, State } from './state.ts';
import type { TokenSessions } from './token-sessions.ts';
import { writeChanges } from './updates.ts';

/** Limits before sign-in: enough for a login, not for filling memory. */
export const UNAUTHENTICATED_LIMITS = {
  maxLineBytes: 8192,
  maxArgumentBytes: 1024,
  maxAppendBytes: 1024,
  maxNonSynchronizingBytes: 1024,
} as const;
/** RFC 7888 §5. */
const LITERAL_MINUS_BYTES = 4096;
const MAX_LINE_BYTES = 65_536;
const MAX_ARGUMENT_BYTES = 65_536;
/** Bad commands in a row after which a client is taken for something that speaks another protocol. */
const MAX_BAD_IN_A_ROW = 10;
/** Pipelined commands that are prepared together. */
const MAX_TOGETHER = 100;

/** What a token of the scope `watch` may do: counts, and no content. */
const WATCH_COMMANDS: ReadonlySet<string> = new Set([
  ...['CAPABILITY', 'NOOP', 'LOGOUT', 'ID', 'ENABLE', 'NAMESPACE', 'LIST', 'LSUB', 'STATUS', 'IDLE', 'NOTIFY'],
  ...['GETQUOTA', 'GETQUOTAROOT', 'GETMETADATA', 'SETMETADATA', 'COMPRESS', 'UNAUTHENTICATE'],
]);

/** A command that was understood, or the answer to one that was not. */
type ReadCommand =
  | { readonly tag: string; readonly command: AnyCommand; readonly args: unknown }
  | { readonly tag: string; readonly command: undefined; readonly completion: Completion };

/** What all sessions of a server share. */
export interface SessionServices {
  readonly config: StoreConfig['imap'];
  readonly quota: StoreConfig['quota'];
  readonly mailstore: Mailstore;
  readonly directory: Directory;
  readonly tlsContext: () => SecureContext | undefined;
  readonly throttle: SignInThrottle;
  readonly trusted: TrustedClients;
  readonly tokens: TokenSessions;
  /** Those that passwords opened; undefined: they last until they end by themselves. */
  readonly openSessions?: OpenSessions | undefined;
  readonly credentialWriter: CredentialWriter;
  readonly literals: LiteralBudget;
  readonly accountSessions: SessionCounts;
  /** Undefined where no hub is configured. */
  readonly outbox: Outbox | undefined;
  /** By which Sieve scripts in METADATA are judged. */
  readonly language: ScriptLanguage;
}

/** One IMAP session: reads a command, lets its file act, writes what the client has to know, and answers. */
export class Session {
  readonly id: string;
  readonly client: string;
  readonly services: SessionServices;
  readonly connection: Connection;
  readonly log: Log;
  /** Extensions that ENABLE switched on, upper-cased (RFC 5161). */
  readonly enabled = new Set<string>();
  #signedIn: SignedIn | undefined;
  #selected: Selected | undefined;
  #heldLiteralBytes = 0;
  #ended = false;
  #signedOut: (() => void) | undefined;
  /** Why the session ends before its next command. */
  #ending: Goodbye | undefined;
  #interrupt: (() => void) | undefined;
  #notifications: Notifications | undefined;
  #quiet = false;
  #second = 0;
  #commandsThisSecond = 0;
  readonly #over: Promise<void>;
  #isOver: () => void = () => undefined;
  #tag = '*';
  #leaving = false;
  #loginDeadlineMs = 0;
  #afterResponse: (() => Promise<void>) | undefined;
  /** Commands that were prepared with the one that runs; they come next. */
  readonly #prepared: ReadCommand[] = [];
  /** A frame that came behind them. */
  #upcoming: Frame | undefined;

  constructor(id: string, client: string, services: SessionServices, connection: Connection, log: Log) {
    this.id = id;
    this.client = client;
    this.services = services;
    this.connection = connection;
    this.log = log;
    connection.onClose(() => this.#selected?.wake?.());
    this.#over = new Promise((resolve) => {
      this.#isOver = resolve;
    });
  }

  get out(): ResponseWriter {
    return this.connection.out;
  }

  get mailstore(): Mailstore {
    return this.services.mailstore;
  }

  get state(): State {
    if (this.#signedIn === undefined) return 'not-authenticated';
    return this.#selected === undefined ? 'authenticated' : 'selected';
  }

  /** Who signed in; only for commands of the states after sign-in. */
  get signedIn(): SignedIn {
    if (this.#signedIn === undefined) throw new Error('nobody has signed in');
    return this.#signedIn;
  }

  /** What is selected; only for commands of the selected state. */
  get selected(): Selected {
    if (this.#selected === undefined) throw new Error('no mailbox is selected');
    return this.#selected;
  }

  /** RFC 9051 §6.2.1: no password in clear, but over loopback where the configuration allows that. */
  get passwordsAllowed(): boolean {
    if (this.connection.encrypted) return true;
    const loopback = /^(?:::ffff:)?127\./.test(this.client) || this.client === '::1';
    return this.services.config.allowPlaintextLoopback && loopback;
  }

  /** The tag of the command that is under way. */
  get tag(): string {
    return this.#tag;
  }

  /** The client enabled IMAP4rev2: no \Recent, ESEARCH in place of SEARCH (RFC 9051 appendix E). */
  get rev2(): boolean {
    return this.enabled.has('IMAP4REV2');
  }

  /** Whether mailbox names and other text travel in UTF-8 (IMAP4rev2, UTF8=ACCEPT). */
  get utf8(): boolean {
    return this.rev2 || this.enabled.has('UTF8=ACCEPT');
  }

  /** The client wants mod-sequences with every change of flags (RFC 7162 §3.1). */
  get condstore(): boolean {
    return this.enabled.has('CONDSTORE') || this.qresync;
  }

  get qresync(): boolean {
    return this.enabled.has('QRESYNC');
  }

  /** RFC 9586: neither side names messages by sequence number any more. */
  get uidOnly(): boolean {
    return this.enabled.has('UIDONLY');
  }

  /** VANISHED stands in place of EXPUNGE. */
  get vanishes(): boolean {
    return this.qresync || this.uidOnly;
  }

  /** RFC 7162 §3.1: a command that shows that the client knows mod-sequences switches them on. */
  enableCondstore(): void {
    if (this.condstore) return;
    this.enabled.add('CONDSTORE');
    if (this.#selected !== undefined) {
      this.out.line(`* OK [HIGHESTMODSEQ ${this.#selected.view.toldModSeq}] Mod-sequences are on`);
    }
  }

  /** Name of the certificate of a host that signs many users in; undefined for everybody else. */
  get trustedPeer(): string | undefined {
    return this.services.trusted.peer(this.connection.peerNames);
  }

  /** Whether a capability is on for this session: not switched off for all, nor for the account that has signed in. */
  offers(capability: string): boolean {
    return capabilityOn(this.services.config, capability, this.#signedIn?.account.address);
  }

  capabilities(): string {
    return capabilities(this.services.config, {
      account: this.#signedIn?.account.address,
      encrypted: this.connection.encrypted,
      passwordsAllowed: this.passwordsAllowed,
      tlsAvailable: this.services.tlsContext() !== undefined,
      trustedPeer: this.trustedPeer !== undefined,
    }).join(' ');
  }

  /** Ends the state "not authenticated". False when the account has too many sessions. */
  async begin(
    account: StoredAccount,
    entry: Account,
    by: 'password' | { readonly scope: TokenScope } = 'password',
  ): Promise<boolean> {
    if (!(await this.services.accountSessions.admit(account.id))) return false;
    const { defaultBytes, defaultMessages } = this.services.quota;
    this.#signedIn = {
      account,
      entry,
      quota: { bytes: entry.quotaBytes ?? defaultBytes, messages: entry.quotaMessages ?? defaultMessages },
      scope: by === 'password' ? 'all' : by.scope,
      passwordAtMs: by === 'password' ? Date.now() : undefined,
    };
    Object.assign(this.connection.limits, {
      maxLineBytes: MAX_LINE_BYTES,
      maxArgumentBytes: MAX_ARGUMENT_BYTES,
      maxAppendBytes: this.services.config.maxLiteralBytes,
      maxNonSynchronizingBytes: this.offers('LITERAL+') ? Number.MAX_SAFE_INTEGER : LITERAL_MINUS_BYTES,
    });
    return true;
  }

  /** RFC 8437: back to "not authenticated", with nothing left of who was signed in. TLS stays, and so does what ID told. */
  unauthenticate(): void {
    this.unselect();
    this.enabled.clear();
    this.#signOut();
    this.#loginDeadlineMs = performance.now() + this.services.config.loginTimeoutMs;
    Object.assign(this.connection.limits, UNAUTHENTICATED_LIMITS);
    if (this.connection.compressed) this.afterResponse(() => this.connection.stopCompression());
  }

  /** Makes the mailbox the selected one; the one before is left. */
  select(selected: Selected): void {
    this.unselect();
    this.#selected = selected;
  }

  unselect(): void {
    const selected = this.#selected;
    this.#selected = undefined;
    selected?.stopWatching();
    selected?.view.close();
  }

  /** LOGOUT: the session ends after the tagged response. */
  leave(): void {
    this.#leaving = true;
  }

  /**
   * NOTIFY: what is told from now on; undefined for nothing but what commands tell.
   *
   * @param quiet whether changes of the selected mailbox are not even told by commands (RFC 5465 §3.1)
   */
  notifyOf(notifications: Notifications | undefined, quiet = false): void {
    this.#notifications?.close();
    this.#notifications = notifications;
    this.#quiet = quiet;
  }

  /** Wakes the session while it waits for its client: there is something to tell. */
  poke(): void {
    this.#interrupt?.();
  }

  /** Tells what NOTIFY asked for, as far as something happened. */
  async tellEvents(): Promise<void> {
    while (this.#notifications?.pending === true) {
      await this.#notifications.tell();
      await this.connection.flow(true);
    }
  }

  /** Something to undo when who is signed in now no longer is. */
  onSignedOut(action: () => void): void {
    this.#signedOut = action;
  }

  #signOut(): void {
    this.notifyOf(undefined);
    this.#signedOut?.();
    this.#signedOut = undefined;
    if (this.#signedIn !== undefined) this.services.accountSessions.dismiss(this.#signedIn.account.id);
    this.#signedIn = undefined;
  }

  /** Something to do once the tagged response has gone out: beginning TLS. */
  afterResponse(action: () => Promise<void>): void {
    this.#afterResponse = action;
  }

  /** Waits for the client where it is slow: call it between rows of a long response. */
  flow(): Promise<void> {
    return this.connection.flow(false);
  }

  /**
   * Waits for something that may take long, and shows the client meanwhile that it goes on (RFC 9585). Between rows
   * alone: what is written must stand at the beginning of a line.
   */
  async whileWorking<T>(work: Promise<T>): Promise<T> {
    if (!this.offers('INPROGRESS')) return work;
    const timer = setInterval(() => {
      this.out.line(`* OK [INPROGRESS ("${this.#tag}" NIL NIL)] Still working`);
      // A client that does not read is dealt with where rows are written.
      this.connection.flow(true).catch(this.connection.destroy);
    }, this.services.config.inProgressIntervalMs);
    try {
      return await work;
    } finally {
      clearInterval(timer);
    }
  }

  /** Tells the client what changed in the selected mailbox since it was told last. */
  async tellChanges(options: {
    readonly expunges: boolean;
    readonly refresh: boolean;
    /** The command's own doing: told whatever NOTIFY says. */
    readonly own?: boolean;
  }): Promise<void> {
    const selected = this.#selected;
    if (selected === undefined) return;
    if (options.refresh || selected.stale) {
      await this.#checkRights();
      selected.stale = false;
      if ((await selected.view.refresh()) === 'gone') throw new Goodbye('The selected mailbox was deleted');
    }
    if (!this.#quiet || options.own === true) await writeChanges(this, selected, options.expunges);
  }

  /** What was granted in another one's mailbox may have been taken back since (RFC 4314). */
  async #checkRights(): Promise<void> {
    const selected = this.#selected;
    if (selected === undefined || selected.mailbox.ownerAddress === undefined) return;
    selected.rights = await this.mailstore.access.rightsOf(this.signedIn.account.id, selected.mailbox);
    if (!selected.rights.has('r')) throw new Goodbye('You may no longer read the selected mailbox');
  }

  /** Runs until the client leaves, logs out, breaks a limit or the server stops. Never rejects. */
  async run(): Promise<void> {
    try {
      this.out.line(`* OK [CAPABILITY ${this.capabilities()}] Postern ready`);
      await this.connection.flow(true);
      await this.#loop();
    } catch (error) {
      await this.#lastWords(error);
    } finally {
      this.#ended = true;
      this.#releaseLiterals();
      this.unselect();
      this.#signOut();
      await this.connection.end();
      this.#isOver();
    }
  }

  /**
   * The server stops: BYE, at once where the session waits for its client, else behind the command that is under way. One
   * that takes longer than `graceMs` is cut off, which is as good as a lost connection.
   */
  async stop(graceMs: number): Promise<void> {
    if (this.#ended) return;
    this.endWith('UNAVAILABLE', 'The server is stopping');
    const timer = setTimeout(this.connection.destroy, graceMs + 1);
    await this.#over;
    clearTimeout(timer);
  }

  /** Says BYE before the next command, and wakes the session if it waits. */
  endWith(code: string, text: string): void {
    this.#ending = new Goodbye(text, code);
    this.#interrupt?.();
  }

  /** Called when the session shall end, while it waits inside a command. */
  onInterrupt(interrupt: (() => void) | undefined): void {
    this.#interrupt = interrupt;
  }

  /** Throws the BYE that somebody else has asked for: whoever is woken calls it. */
  checkEnding(): void {
    if (this.#ending !== undefined) throw this.#ending;
  }

  async #lastWords(error: unknown): Promise<void> {
    if (error instanceof ConnectionGone || this.#ended) return;
    let text = '* BYE [SERVERBUG] Internal error';
    if (error instanceof Goodbye) text = `* BYE ${error.code === undefined ? '' : `[${error.code}] `}${error.message}`;
    // Nobody knows whether the change was committed: only a new connection shows (RFC 9051 §7.1.5, the write rule).
    else if (error instanceof CommitOutcomeUnknown) text = '* BYE [UNAVAILABLE] The outcome is unknown; connect again';
    if (!(error instanceof Goodbye)) this.log.error({ event: 'session-fault', session: this.id, err: error });
    this.out.line(text);
  }

  async #loop(): Promise<void> {
    const { config } = this.services;
    this.#loginDeadlineMs = performance.now() + config.loginTimeoutMs;
    let badInARow = 0;
    // What is told in between does not put off the autologout.
    let waitingSinceMs = performance.now();
    for (;;) {
      const signedIn = this.#signedIn !== undefined;
      this.checkEnding();
      await this.tellEvents();
      let next = this.#prepared.shift();
      if (next === undefined) {
        const waitMs = signedIn
          ? Math.max(1, waitingSinceMs + config.autologoutMs - performance.now())
          : Math.max(1, this.#loginDeadlineMs - performance.now());
        const frame = await this.#nextFrame(waitMs);
        if (frame === 'interrupted') continue;
        waitingSinceMs = performance.now();
        if (frame === 'timeout')
          throw new Goodbye(signedIn ? 'Autologout; idle for too long' : 'Sign-in took too long');
        if (frame.kind === 'lost') throw new Goodbye('Literal too big to skip', 'TOOBIG');
        if (frame.kind === 'literal') {
          await this.#admitLiteral(frame);
          continue;
        }
        if (frame.kind === 'refused') {
          next = { tag: frame.tag, command: undefined, completion: refusal(frame.why) };
        } else {
          next = this.#read(frame.segments);
          this.#prepareTogether(next);
        }
      }
      await this.#keepPace();
      const completion = await this.#execute(next);
      this.#releaseLiterals();
      badInARow = completion.status === 'BAD' ? badInARow + 1 : 0;
      const after = this.#afterResponse;
      this.#afterResponse = undefined;
      if (after !== undefined) await after();
      else await this.connection.flow(this.#prepared.length === 0);
      if (this.#leaving) return;
      waitingSinceMs = performance.now();
      if (badInARow >= MAX_BAD_IN_A_ROW) throw new Goodbye('Too many bad commands');
    }
  }

  /** Commands of the second that runs; beyond the limit the session waits for the next one. */
  async #keepPace(): Promise<void> {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#commandsThisSecond = 0;
    }
    this.#commandsThisSecond += 1;
    if (this.#commandsThisSecond > this.services.config.maxCommandsPerSecond) {
      await pause((second + 1) * 1000 - performance.now());
    }
  }

  async #admitLiteral(frame: Frame & { readonly kind: 'literal' }): Promise<void> {
    this.#heldLiteralBytes += await this.services.literals.take(frame.bytes, this.#heldLiteralBytes);
    if (!frame.synchronizing) return;
    this.out.line('+ Ready for literal data');
    await this.connection.flow(true);
  }

  #releaseLiterals(): void {
    if (this.#heldLiteralBytes > 0) this.services.literals.giveBack(this.#heldLiteralBytes);
    this.#heldLiteralBytes = 0;
  }

  /** The frame that was read ahead, or the next one. */
  async #nextFrame(waitMs: number): Promise<Frame | 'timeout' | 'interrupted'> {
    const upcoming = this.#upcoming;
    this.#upcoming = undefined;
    if (upcoming !== undefined) return upcoming;
    const frame = await this.connection.frame(waitMs, (fire) => {
      this.#interrupt = fire;
    });
    this.#interrupt = undefined;
    return frame;
  }

  /**
   * RFC 9051 §5.5: commands that came together and do not depend on each other may be carried out together. The ones behind
   * this that have its name, and can be prepared, ask the database along with it; each is answered in its turn.
   */
  #prepareTogether(first: ReadCommand): void {
    const prepare = first.command?.prepare;
    if (first.command === undefined || prepare === undefined) return;
    for (let next: ReadCommand = first; ; ) {
      if (next.command !== undefined && this.#mayRun(next.command, next.args) === undefined) prepare(this, next.args);
      if (next !== first) this.#prepared.push(next);
      if (this.#prepared.length === MAX_TOGETHER) return;
      this.#upcoming = this.connection.nextFrame();
      if (this.#upcoming?.kind !== 'command') return;
      next = this.#read(this.#upcoming.segments);
      if (next.command !== first.command) return;
      this.#upcoming = undefined;
    }
  }

  #read(segments: readonly Segment[]): ReadCommand {
    const args = new ArgumentReader(segments, (capability) => this.offers(capability));
    let tag = '*';
    try {
      tag = args.tag();
      args.space();
      const command = this.#commandOf(args);
      const read = command.read(args);
      args.end();
      return { tag, command, args: read };
    } catch (error) {
      if (!(error instanceof CommandSyntaxError)) throw error;
      return { tag, command: undefined, completion: bad(error.message) };
    }
  }

  async #execute(read: ReadCommand): Promise<Completion> {
    this.#tag = read.tag;
    let completion: Completion;
    try {
      completion =
        read.command === undefined
          ? read.completion
          : (this.#mayRun(read.command, read.args) ?? (await this.#act(read.command, read.args)));
    } catch (error) {
      if (!(error instanceof CommandSyntaxError)) throw error;
      completion = bad(error.message);
    }
    this.out.line(`${this.#tag} ${formatCompletion(completion)}`);
    return completion;
  }

  #commandOf(args: ArgumentReader): AnyCommand {
    let name = args.keyword();
    if (name === 'UID') {
      args.space();
      name = `UID ${args.keyword()}`;
    }
    const command = findCommand(name);
    if (command === undefined) return args.fail('Unknown command');
    const { capability } = command;
    if (capability !== undefined && !this.offers(capability)) args.fail('Unknown command');
    return command;
  }

  #mayRun(command: AnyCommand, read: unknown): Completion | undefined {
    if (command.states.includes(this.state)) {
      if (this.#signedIn?.scope === 'watch' && !WATCH_COMMANDS.has(command.name)) {
        return no('NOPERM', 'This token shows counts alone');
      }
      // RFC 9586 §3.1: a client that gave up sequence numbers must not send any.
      const counts = typeof command.counts === 'function' ? command.counts(read) : command.counts;
      return this.uidOnly && counts === true ? bad('Name messages by UID', 'UIDREQUIRED') : undefined;
    }
    if (this.state === 'not-authenticated') return bad('Sign in first');
    return bad(command.states.includes('selected') ? 'No mailbox selected' : 'Already signed in');
  }

  /** The one place where a fault of a command becomes an answer; what the session cannot survive is thrown on. */
  async #act(command: AnyCommand, read: unknown): Promise<Completion> {
    try {
      if (this.#selected?.stale === true) await this.#checkRights();
      const completion = await command.act(this, read);
      if (completion.status !== 'BAD') {
        const expunges = typeof command.expunges === 'function' ? command.expunges(read) : command.expunges;
        await this.tellChanges({ expunges, refresh: command.refreshes ?? false, own: command.removes ?? false });
      }
      return completion;
    } catch (error) {
      if (error instanceof ConnectionGone || error instanceof Goodbye || error instanceof CommitOutcomeUnknown)
        throw error;
      if (error instanceof CommandSyntaxError) throw error;
      if (error instanceof MailstoreUnavailable || isDatabaseAway(error)) {
        this.log.warn({ event: 'database-away', session: this.id, command: command.name, err: error });
        // In IDLE no command waits for an answer: the next thing heard would be DONE.
        if (command.name === 'IDLE') throw new Goodbye('The database is away; connect again later', 'UNAVAILABLE');
        return no('UNAVAILABLE', 'The database is away; try again later');
      }
      this.log.error({ event: 'command-fault', session: this.id, command: command.name, err: error });
      return no('SERVERBUG', 'Internal error; it was logged');
    }
  }
}

function refusal(why: RefusedWhy): Completion {
  if (why === 'line-too-long') return bad('Command line too long');
  if (why === 'not-synchronizing') return { status: 'BAD', code: 'TOOBIG', text: 'Literal must wait for +' };
  // RFC 9051 §4.3 and RFC 7889 §5: TOOBIG tells a client that trying again is of no use.
  return no('TOOBIG', 'Literal too big');
}
