import type { Account } from '@postern/shared/directory/directory.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { TokenScope } from '@postern/shared/settings/token.ts';
import { CommandPace } from '../connection/pace.ts';
import type { Mailstore, StoredAccount } from '../mailstore/mailstore.ts';
import { capabilities, capabilityOn } from './capability.ts';
import type { ResponseWriter } from './codec/response.ts';
import type { Connection } from './connection.ts';
import { EnabledExtensions } from './enabled-extensions.ts';
import { Goodbye } from './goodbye.ts';
import { HeldLiterals } from './held-literals.ts';
import { IncomingCommands } from './incoming-commands.ts';
import { sayLastWords } from './last-words.ts';
import type { Notifications } from './notify/notifications.ts';
import { runCommand } from './run-command.ts';
import { checkSelectedRights } from './selected-rights.ts';
import { limitsAfterSignIn, UNAUTHENTICATED_LIMITS } from './session-limits.ts';
import type { SessionServices } from './session-services.ts';
import type { Selected, SignedIn, State } from './state.ts';
import { writeChanges } from './updates.ts';

/** Bad commands in a row after which a client is taken for something that speaks another protocol. */
const MAX_BAD_IN_A_ROW = 10;
/** One IMAP session: reads a command, lets its file act, writes what the client has to know, and answers. */
export class Session {
  readonly id: string;
  readonly client: string;
  readonly services: SessionServices;
  readonly connection: Connection;
  readonly log: Log;
  readonly enabled = new EnabledExtensions();
  #signedIn: SignedIn | undefined;
  #selected: Selected | undefined;
  readonly #literals: HeldLiterals;
  #ended = false;
  #signedOut: (() => void) | undefined;
  /** Why the session ends before its next command. */
  #ending: Goodbye | undefined;
  #interrupt: (() => void) | undefined;
  #notifications: Notifications | undefined;
  #quiet = false;
  readonly #pace: CommandPace;
  readonly #over: Promise<void>;
  #isOver: () => void = () => undefined;
  #tag = '*';
  #leaving = false;
  #loginDeadlineMs = 0;
  #afterResponse: (() => Promise<void>) | undefined;
  readonly #incoming: IncomingCommands;

  constructor(id: string, client: string, services: SessionServices, connection: Connection, log: Log) {
    this.id = id;
    this.client = client;
    this.services = services;
    this.connection = connection;
    this.log = log;
    this.#pace = new CommandPace(services.config.maxCommandsPerSecond);
    this.#literals = new HeldLiterals(services.literals);
    this.#incoming = new IncomingCommands(this);
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

  get rev2(): boolean {
    return this.enabled.rev2;
  }

  get utf8(): boolean {
    return this.enabled.utf8;
  }

  get condstore(): boolean {
    return this.enabled.condstore;
  }

  get qresync(): boolean {
    return this.enabled.qresync;
  }

  get uidOnly(): boolean {
    return this.enabled.uidOnly;
  }

  get vanishes(): boolean {
    return this.enabled.vanishes;
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
    Object.assign(
      this.connection.limits,
      limitsAfterSignIn(this.services.config, (capability) => this.offers(capability)),
    );
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
    selected?.close();
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

  /** What NOTIFY asked for; undefined while that is nothing. */
  get notifications(): Notifications | undefined {
    return this.#notifications;
  }

  /** Wakes the session while it waits for its client: there is something to tell. */
  poke(): void {
    this.#interrupt?.();
  }

  /** Tells what NOTIFY asked for, as far as something happened. */
  async tellEvents(): Promise<void> {
    this.#notifications?.noteSelected();
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
      await checkSelectedRights(this);
      selected.stale = false;
      if ((await selected.view.refresh()) === 'gone') throw new Goodbye('The selected mailbox was deleted');
    }
    if (!this.#quiet || options.own === true) await writeChanges(this, selected, options.expunges);
  }

  /** Whether somebody changed something in the selected mailbox since the client was told last. */
  get isStale(): boolean {
    return this.#selected?.stale === true;
  }

  /** Whether {@link tellChanges} would have anything to do. */
  hasToTell(refresh: boolean): boolean {
    const selected = this.#selected;
    if (selected === undefined) return false;
    return refresh || selected.stale || selected.view.hasChanges || selected.contexts.size > 0;
  }

  /** Asks again for the rights in the selected mailbox, where somebody changed something since the client was told last. */
  async checkRightsIfStale(): Promise<void> {
    if (this.isStale) await checkSelectedRights(this);
  }

  /** Runs until the client leaves, logs out, breaks a limit or the server stops. Never rejects. */
  async run(): Promise<void> {
    try {
      this.out.line(`* OK [CAPABILITY ${this.capabilities()}] Postern ready`);
      await this.connection.flow(true);
      await this.#loop();
    } catch (error) {
      if (!this.#ended) sayLastWords(this, error);
    } finally {
      this.#ended = true;
      this.#literals.release();
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

  async #loop(): Promise<void> {
    const { config } = this.services;
    this.#loginDeadlineMs = performance.now() + config.loginTimeoutMs;
    let badInARow = 0;
    // What is told in between does not put off the autologout.
    let waitingSinceMs = performance.now();
    for (;;) {
      const signedIn = this.#signedIn !== undefined;
      this.checkEnding();
      if (this.#notifications?.pending === true) await this.tellEvents();
      let next = this.#incoming.prepared();
      if (next === undefined) {
        const waitMs = signedIn
          ? Math.max(1, waitingSinceMs + config.autologoutMs - performance.now())
          : Math.max(1, this.#loginDeadlineMs - performance.now());
        const frame = await this.#incoming.frame(waitMs);
        if (frame === 'interrupted') continue;
        waitingSinceMs = performance.now();
        if (frame === 'timeout')
          throw new Goodbye(signedIn ? 'Autologout; idle for too long' : 'Sign-in took too long');
        if (frame.kind === 'lost') throw new Goodbye('Literal too big to skip', 'TOOBIG');
        if (frame.kind === 'literal') {
          await this.#literals.admit(this.connection, frame);
          continue;
        }
        next = this.#incoming.read(frame);
      }
      const pause = this.#pace.keep();
      if (pause !== undefined) await pause;
      this.#tag = next.tag;
      const completion = await runCommand(this, next);
      this.#literals.release();
      badInARow = completion.status === 'BAD' ? badInARow + 1 : 0;
      const after = this.#afterResponse;
      this.#afterResponse = undefined;
      if (after !== undefined) await after();
      else await this.connection.endResponse(this.#incoming.hasPrepared);
      if (this.#leaving) return;
      waitingSinceMs = performance.now();
      if (badInARow >= MAX_BAD_IN_A_ROW) throw new Goodbye('Too many bad commands');
    }
  }
}
