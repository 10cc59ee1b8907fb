import { type MessageUrl, parseMessageUrl, percentDecoded } from './imap-url.ts';

/** Who may use an authorized URL (RFC 4467 §3, RFC 5092 §6.1.2). */
export type UrlAccess =
  /** A host that submits mail for this user. */
  | { readonly kind: 'submit'; readonly user: string }
  /** A session of this user. */
  | { readonly kind: 'user'; readonly user: string }
  | { readonly kind: 'authuser' }
  | { readonly kind: 'anonymous' };

/** A URL that says by itself who may read what it names: `imap://owner@host/INBOX/;UID=20;URLAUTH=user+fred:internal:91ab…` */
export interface AuthorizedUrl {
  /** Whose mailbox it is. */
  readonly owner: string;
  readonly message: MessageUrl & { readonly mailbox: string };
  readonly expiresAtMs: number | undefined;
  readonly access: UrlAccess;
  /** What the token vouches for: the URL up to the mechanism (RFC 4467 §4). */
  readonly rump: string;
  /** Undefined in a URL that is to be authorized. */
  readonly authorization: { readonly mechanism: string; readonly token: string } | undefined;
}

const LONGEST = 2000;
const SHAPE =
  /^(imap:\/\/([^@/;]+)(?:;AUTH=[^@/;]*)?@[^@/;]+(\/.*?)(?:;EXPIRE=([^;]+))?;URLAUTH=(submit\+|user\+)?([^:;]+))(?::([a-z0-9.-]+):([0-9a-f]{32,}))?$/i;

/** Undefined for what is no such URL of a message in a mailbox. */
export function parseAuthorizedUrl(url: string): AuthorizedUrl | undefined {
  const match = url.length > LONGEST ? null : SHAPE.exec(url);
  if (match === null) return undefined;
  const [, rump = '', encodedOwner = '', path = '', expire, prefix, identifier = '', mechanism, token] = match;
  const owner = percentDecoded(encodedOwner);
  const message = parseMessageUrl(path);
  const access = accessOf(prefix, identifier);
  const expiresAtMs = expire === undefined ? undefined : timeOf(expire);
  if (owner === undefined || message?.mailbox === undefined || access === undefined) return undefined;
  if (Number.isNaN(expiresAtMs)) return undefined;
  return {
    owner: owner.toLowerCase(),
    message: { ...message, mailbox: message.mailbox },
    expiresAtMs,
    access,
    rump,
    authorization: mechanism === undefined || token === undefined ? undefined : { mechanism, token },
  };
}

function accessOf(prefix: string | undefined, identifier: string): UrlAccess | undefined {
  const user = percentDecoded(identifier)?.toLowerCase();
  if (user === undefined) return undefined;
  if (prefix !== undefined) return { kind: prefix.toLowerCase() === 'user+' ? 'user' : 'submit', user };
  return user === 'authuser' || user === 'anonymous' ? { kind: user } : undefined;
}

/** RFC 3339 date-time (RFC 4467 §3 EXPIRE), in ms; NaN for anything else. */
function timeOf(text: string): number {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i.test(text)
    ? Date.parse(text)
    : Number.NaN;
}
