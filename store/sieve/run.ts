import type { SieveLimits } from './limits.ts';
import type { MessagePart, SieveMessage } from './message.ts';
import type { IncludeName, Program } from './program.ts';
import { type Position, RuntimeFault } from './script-error.ts';

/** What a script decides; the store does it afterwards, all in one transaction. */
export type Action = FileAction | DiscardAction | RedirectAction | RejectAction | VacationAction | NotifyAction;

/** keep (`mailbox` undefined) and fileinto. */
export interface FileAction {
  readonly kind: 'file';
  readonly mailbox: string | undefined;
  /** RFC 5232: names as the script spelled them; undefined: the script says nothing of flags. */
  readonly flags: readonly string[] | undefined;
  readonly create: boolean;
  /** RFC 8579. */
  readonly specialUse: string | undefined;
  /** RFC 9042. */
  readonly mailboxId: string | undefined;
}

export interface DiscardAction {
  readonly kind: 'discard';
}

export interface RedirectAction {
  readonly kind: 'redirect';
  readonly address: string;
}

/** RFC 5429. */
export interface RejectAction {
  readonly kind: 'reject';
  readonly reason: string;
  /** `ereject`: refused by protocol, whatever becomes of the text. */
  readonly how: 'reject' | 'ereject';
}

/** RFC 5230. Whether an answer goes out is decided by the message (§4.5, §4.6), not here. */
export interface VacationAction {
  readonly kind: 'vacation';
  readonly reason: string;
  readonly subject: string | undefined;
  readonly from: string | undefined;
  readonly addresses: readonly string[];
  /** The reason is a MIME entity. */
  readonly mime: boolean;
  readonly seconds: number;
  /** Stands for this response in what is remembered (§4.2). */
  readonly handle: string;
}

/** RFC 5435, by mail alone (RFC 5436). */
export interface NotifyAction {
  readonly kind: 'notify';
  readonly method: string;
  readonly message: string | undefined;
  readonly from: string | undefined;
  readonly importance: '1' | '2' | '3';
}

/** RFC 7352: an id that is remembered once the message is delivered. */
export interface SeenMark {
  /** Of handle and id. */
  readonly key: string;
  readonly seconds: number;
  /** It was new when it was asked for. */
  readonly isNew: boolean;
}

/** Which mailboxes the account has, for RFC 5490, 8579 and 9042. */
export interface KnownMailboxes {
  exists(name: string): boolean;
  existsId(id: string): boolean;
  /** A mailbox with this use; the one named, when one is. */
  existsUse(use: string, name: string | undefined): boolean;
}

/** All that a script may look at. The interpreter reads no clock, file or socket. */
export interface RunInput {
  readonly message: SieveMessage;
  readonly envelope: { readonly from: string; readonly to: string; readonly auth?: string | undefined };
  readonly now: { readonly ms: number; readonly zoneMinutes: number };
  /** RFC 5183 items by name, in lower case. */
  readonly environment: Readonly<Record<string, string>>;
  readonly mailboxes?: KnownMailboxes | undefined;
  /** RFC 5235: 0 to 100, how likely it is spam; undefined: not tested. */
  readonly spamPercent?: number | undefined;
  /** RFC 5235 §2.3: 1 to 5; undefined: not tested. */
  readonly virusLevel?: number | undefined;
  /** Answers to `duplicate` so far; a key that is not here makes the run ask for it. */
  readonly seen?: ReadonlyMap<string, boolean> | undefined;
  readonly include?: ((name: IncludeName) => Program | undefined) | undefined;
}

/** Ends a run that cannot go on without an answer: is this key remembered? */
export class AsksWhetherSeen extends Error {
  override readonly name = 'AsksWhetherSeen';
  readonly key: string;

  constructor(key: string) {
    super('whether an id was seen before is not known');
    this.key = key;
  }
}

/** Variables of one script (RFC 5229; scopes by RFC 6609 §3.4). */
export interface Frame {
  readonly variables: Map<string, string>;
  /** Names that stand for global variables. */
  readonly globals: Set<string>;
  matched: readonly string[];
}

export const newFrame = (): Frame => ({ variables: new Map(), globals: new Set(), matched: [] });

/** The part that `foreverypart` has come to (RFC 5703 §3); undefined outside of it. */
export type CurrentPart = MessagePart | undefined;

const GLOBAL = 'global.';
const localName = (name: string): string => (name.startsWith(GLOBAL) ? name.slice(GLOBAL.length) : name);

/** The state of one run. Steps change it; nothing else does. */
export class Run {
  readonly input: RunInput;
  readonly limits: SieveLimits;
  readonly actions: Action[] = [];
  readonly seenMarks: SeenMark[] = [];
  readonly globals = new Map<string, string>();
  /** Scripts that `include :once` has run, and those under way. */
  readonly included = new Set<string>();
  readonly includeStack: string[] = [];
  implicitKeep = true;
  /** RFC 5232 §2: the internal variable. */
  flags: readonly string[] | undefined;
  frame: Frame = newFrame();
  part: CurrentPart;
  /** Why the following steps are not run. `break` carries the name of the loop that it ends. */
  halted: 'stop' | 'return' | { readonly breaks: string | undefined } | undefined;
  at: Position = { line: 0, column: 0 };
  #steps = 0;
  #work = 0;

  constructor(input: RunInput, limits: SieveLimits) {
    this.input = input;
    this.limits = limits;
  }

  /** Counts what is evaluated. */
  step(at: Position): void {
    this.at = at;
    if (++this.#steps > this.limits.maxSteps) this.fail('the script does too much for one message');
  }

  /** Counts the work of comparing texts: roughly characters looked at. */
  spend(work: number): void {
    this.#work += work;
    if (this.#work > this.limits.maxWork) this.fail('the script compares too much text for one message');
  }

  execute(steps: readonly ((run: Run) => void)[]): void {
    for (const step of steps) {
      step(this);
      if (this.halted !== undefined) return;
    }
  }

  act(action: Action): void {
    if (this.actions.length >= this.limits.maxActions) this.fail('the script takes too many actions');
    const limit = action.kind === 'redirect' ? this.limits.maxRedirects : this.limits.maxNotifications;
    if (action.kind === 'redirect' || action.kind === 'notify') {
      const before = this.actions.filter(({ kind }) => kind === action.kind).length;
      if (before >= limit) this.fail(`more than ${limit} actions "${action.kind}"`);
    }
    this.actions.push(action);
  }

  variable(name: string): string {
    return this.#scopeOf(name).get(localName(name)) ?? '';
  }

  setVariable(name: string, value: string): void {
    const scope = this.#scopeOf(name);
    const key = localName(name);
    if (!scope.has(key) && scope.size >= this.limits.maxVariables) this.fail('too many variables');
    scope.set(key, this.cut(value));
  }

  /** RFC 6609 §3.4: declared global, or named in the namespace `global`. */
  #scopeOf(name: string): Map<string, string> {
    return name.startsWith(GLOBAL) || this.frame.globals.has(name) ? this.globals : this.frame.variables;
  }

  /** RFC 5229 §6: what is too long is cut, and that is no error. */
  cut(value: string): string {
    return value.length > this.limits.maxStringLength ? value.slice(0, this.limits.maxStringLength) : value;
  }

  fail(message: string): never {
    throw new RuntimeFault(message, this.at);
  }
}
