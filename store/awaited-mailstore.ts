import type { Mailstore } from './mailstore/mailstore.ts';

/** The database has not been reached since this process started. Answer "try again": LMTP 451, IMAP NO [UNAVAILABLE]. */
export class MailstoreUnavailable extends Error {
  override readonly name = 'MailstoreUnavailable';
}

export interface AwaitedMailstoreOptions {
  /** One try to open it: connects and brings the tables up to date. */
  readonly open: () => Promise<Mailstore>;
  /** Called for each try that fails. */
  readonly onUnavailable: (error: unknown, nextTryInMs: number) => void;
  /** Called once, when it is open. */
  readonly onAvailable: () => void;
  readonly retryMs: number;
  readonly maxRetryMs: number;
}

export interface AwaitedMailstore {
  /** Usable from the first moment: every question fails with {@link MailstoreUnavailable} until the database answers. */
  readonly mailstore: Mailstore;
  /** Resolves after the first try, with whether it worked. */
  readonly firstTry: Promise<boolean>;
}

/** Methods that answer without a promise. */
const IMMEDIATE: ReadonlySet<PropertyKey> = new Set(['fetch', 'watch', 'watchAccount']);

const SECTIONS = [
  'access',
  'accounts',
  'administration',
  'appPasswords',
  'backups',
  'changes',
  'contents',
  'deliveries',
  'imports',
  'mailboxes',
  'maintenance',
  'messages',
  'outgoing',
  'scripts',
  'secondFactors',
  'settings',
  'tokens',
] as const satisfies readonly (keyof Mailstore)[];
type Section = (typeof SECTIONS)[number];

/**
 * A mailstore that may be away when the process starts, so that the listeners answer "try again" meanwhile, and that is
 * there by itself when the database comes up. Once open, coming back after an outage is the mailstore's own affair.
 */
export function awaitMailstore(options: AwaitedMailstoreOptions): AwaitedMailstore {
  let opened: Mailstore | undefined;
  let closed = false;
  let pause: NodeJS.Timeout | undefined;
  let cause = 'not tried yet';

  const tryOnce = async (delayMs: number): Promise<boolean> => {
    try {
      const mailstore = await options.open();
      if (closed) {
        await mailstore.close();
        return false;
      }
      opened = mailstore;
      options.onAvailable();
      return true;
    } catch (error) {
      cause = error instanceof Error ? error.message : String(error);
      if (closed) return false;
      options.onUnavailable(error, delayMs);
      pause = setTimeout(() => void tryOnce(Math.min(delayMs * 2, options.maxRetryMs)), delayMs);
      return false;
    }
  };

  /** One section of the door while it is not open, for whoever keeps it: each call goes to the open mailstore, or fails. */
  const away = <K extends Section>(name: K): Mailstore[K] =>
    new Proxy({} as Mailstore[K], {
      get(_target, method) {
        if (opened !== undefined) {
          const present = opened[name];
          const member: unknown = Reflect.get(present, method);
          return typeof member === 'function' ? member.bind(present) : member;
        }
        return () => {
          const unavailable = new MailstoreUnavailable(cause);
          if (IMMEDIATE.has(method)) throw unavailable;
          return Promise.reject(unavailable);
        };
      },
    });

  const mailstore = {
    check: () => opened?.check() ?? Promise.resolve({ ok: false, cause }),
    collectGarbage: (now?: Date) => opened?.collectGarbage(now) ?? Promise.reject(new MailstoreUnavailable(cause)),
    async close() {
      closed = true;
      clearTimeout(pause);
      await opened?.close();
    },
  } as Mailstore;
  for (const name of SECTIONS) {
    const section = away(name);
    // Once it is open, nothing stands between.
    Object.defineProperty(mailstore, name, { enumerable: true, get: () => opened?.[name] ?? section });
  }
  return { mailstore, firstTry: tryOnce(options.retryMs) };
}
