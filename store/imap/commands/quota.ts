import type { ArgumentReader } from '../codec/lexer.ts';
import { no, ok } from '../completion.ts';
import { findMailbox, noSuchMailbox, writeName } from '../mailbox-argument.ts';
import type { Session } from '../session.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** The one quota root of an account: all its mail together. */
const ROOT = '';

/** RFC 9208 §4.1.2. */
export const getQuota: Command<string> = {
  name: 'GETQUOTA',
  states: SIGNED_IN,
  expunges: true,
  capability: 'QUOTA',
  read(args: ArgumentReader) {
    args.space();
    return args.astring();
  },
  async act(session, root) {
    if (root !== ROOT || !isLimited(session)) return no('NONEXISTENT', 'No such quota root');
    await writeQuota(session);
    return ok('GETQUOTA completed');
  },
};

/** RFC 9208 §4.1.3. */
export const getQuotaRoot: Command<string> = {
  name: 'GETQUOTAROOT',
  states: SIGNED_IN,
  expunges: true,
  capability: 'QUOTA',
  read(args: ArgumentReader) {
    args.space();
    return args.astring();
  },
  async act(session, octets) {
    const mailbox = await findMailbox(session, octets);
    if (mailbox === undefined) return noSuchMailbox();
    const { out } = session;
    // The quota of another one's mailbox is that one's affair: it has no root for this user.
    const limited = mailbox.accountId === session.signedIn.account.id && isLimited(session);
    out.text('* QUOTAROOT ');
    writeName(session, out, mailbox.name);
    out.line(limited ? ` "${ROOT}"` : '');
    if (limited) await writeQuota(session);
    return ok('GETQUOTAROOT completed');
  },
};

/** What is limited and told: each resource is a capability of its own (RFC 9208 §3.1.1). */
function limitsOf(session: Session): { readonly bytes: number; readonly messages: number } {
  const { bytes, messages } = session.signedIn.quota;
  return {
    bytes: session.offers('QUOTA=RES-STORAGE') ? bytes : 0,
    messages: session.offers('QUOTA=RES-MESSAGE') ? messages : 0,
  };
}

function isLimited(session: Session): boolean {
  const { bytes, messages } = limitsOf(session);
  return bytes > 0 || messages > 0;
}

/** RFC 9208 §5.1: STORAGE in units of 1024 octets, rounded so that what is used never looks like less. */
async function writeQuota(session: Session): Promise<void> {
  const { account } = session.signedIn;
  const quota = limitsOf(session);
  const usage = await session.mailstore.accounts.usage(account.id);
  const resources: string[] = [];
  if (quota.bytes > 0) resources.push(`STORAGE ${Math.ceil(usage.bytes / 1024)} ${Math.floor(quota.bytes / 1024)}`);
  if (quota.messages > 0) resources.push(`MESSAGE ${usage.messages} ${quota.messages}`);
  session.out.line(`* QUOTA "${ROOT}" (${resources.join(' ')})`);
}
