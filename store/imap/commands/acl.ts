import { ALL_RIGHTS, type Rights, rightsText } from '../../mailstore/access-rights.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { type Completion, no, ok } from '../completion.ts';
import { findMailbox, noSuchMailbox, writeName } from '../mailbox-argument.ts';
import type { ReachedMailbox } from '../namespaces.ts';
import { refusal } from '../rights.ts';
import type { Session } from '../session.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** RFC 4314 §2.1.1: what the rights of RFC 2086 stand for. */
const CREATE_MEMBERS = 'kx';
const DELETE_MEMBERS = 'te';

interface Naming {
  readonly mailbox: string;
  readonly identifier: string;
}

interface Setting extends Naming {
  readonly how: 'set' | 'add' | 'remove';
  readonly rights: Rights;
}

const FORM = { states: SIGNED_IN, expunges: true, capability: 'ACL' } as const;

/** RFC 4314 §3.1. */
export const setAcl: Command<Setting> = {
  name: 'SETACL',
  ...FORM,
  read(args: ArgumentReader) {
    const naming = readNaming(args);
    args.space();
    const text = args.astring();
    const how = text.startsWith('+') ? 'add' : text.startsWith('-') ? 'remove' : 'set';
    return { ...naming, how, rights: readRights(args, how === 'set' ? text : text.slice(1)) };
  },
  act: (session, { mailbox, identifier, how, rights }) => change(session, { mailbox, identifier }, { how, rights }),
};

/** RFC 4314 §3.2. */
export const deleteAcl: Command<Naming> = {
  name: 'DELETEACL',
  ...FORM,
  read: readNaming,
  act: (session, naming) => change(session, naming, { how: 'set', rights: new Set() }),
};

/** RFC 4314 §3.3: the owner, who has all rights, comes first. */
export const getAcl: Command<string> = {
  name: 'GETACL',
  ...FORM,
  read: readMailbox,
  async act(session, octets) {
    const mailbox = await findMailbox(session, octets);
    if (mailbox === undefined) return noSuchMailbox();
    const refused = refusal(mailbox, 'a');
    if (refused !== undefined) return refused;
    const { out } = session;
    out.text('* ACL ');
    writeName(session, out, mailbox.name);
    out.text(' ');
    out.astring(mailbox.ownerAddress ?? session.signedIn.account.address);
    out.text(` ${toldRights(new Set(ALL_RIGHTS))}`);
    for (const { grantee, negative, rights } of await session.mailstore.access.entries(mailbox.id)) {
      out.text(' ');
      out.astring(negative ? `-${grantee}` : grantee);
      out.text(` ${toldRights(rights)}`);
    }
    out.text('\r\n');
    return ok('GETACL completed');
  },
};

/** RFC 4314 §3.4: each right by itself; the owner's are always granted. */
export const listRights: Command<Naming> = {
  name: 'LISTRIGHTS',
  ...FORM,
  read: readNaming,
  async act(session, { mailbox: octets, identifier }) {
    const mailbox = await findMailbox(session, octets);
    if (mailbox === undefined) return noSuchMailbox();
    const refused = refusal(mailbox, 'a');
    if (refused !== undefined) return refused;
    const grantee = await granteeOf(session, mailbox, identifier);
    if (grantee.kind === 'refused') return grantee.completion;
    const { out } = session;
    out.text('* LISTRIGHTS ');
    writeName(session, out, mailbox.name);
    out.text(' ');
    out.astring(identifier);
    const all = toldRights(new Set(ALL_RIGHTS));
    out.line(grantee.kind === 'owner' ? ` ${all}` : ` "" ${[...all].join(' ')}`);
    return ok('LISTRIGHTS completed');
  },
};

/** RFC 4314 §3.5. */
export const myRights: Command<string> = {
  name: 'MYRIGHTS',
  ...FORM,
  read: readMailbox,
  async act(session, octets) {
    const mailbox = await findMailbox(session, octets);
    if (mailbox === undefined) return noSuchMailbox();
    writeMyRights(session, mailbox);
    return ok('MYRIGHTS completed');
  },
};

/** RFC 4314 §3.8; LIST … RETURN (MYRIGHTS) of RFC 8440 as well. */
export function writeMyRights(session: Session, { name, rights }: Pick<ReachedMailbox, 'name' | 'rights'>): void {
  const { out } = session;
  out.text('* MYRIGHTS ');
  writeName(session, out, name);
  out.line(` ${toldRights(rights) || '""'}`);
}

/** RFC 4314 §2.1.1: for older clients `c` and `d` are told where any of what they stand for is there. */
function toldRights(rights: Rights): string {
  const some = (members: string): boolean => [...members].some((right) => rights.has(right));
  return `${rightsText(rights)}${some(CREATE_MEMBERS) ? 'c' : ''}${some(DELETE_MEMBERS) ? 'd' : ''}`;
}

async function change(
  session: Session,
  naming: Naming,
  { how, rights }: Pick<Setting, 'how' | 'rights'>,
): Promise<Completion> {
  const mailbox = await findMailbox(session, naming.mailbox);
  if (mailbox === undefined) return noSuchMailbox();
  const refused = refusal(mailbox, 'a');
  if (refused !== undefined) return refused;
  const grantee = await granteeOf(session, mailbox, naming.identifier);
  if (grantee.kind === 'refused') return grantee.completion;
  if (grantee.kind === 'owner') return no('CANNOT', 'The owner always has all rights');
  const { access } = session.mailstore;
  const { id, negative } = grantee;
  const result = await access.change(mailbox, { grantee: id, negative, how, rights });
  return result === 'changed' ? ok('Access control list changed') : noSuchMailbox();
}

type Grantee =
  | { readonly kind: 'owner' }
  | { readonly kind: 'grantee'; readonly id: number | 'anyone'; readonly negative: boolean }
  | { readonly kind: 'refused'; readonly completion: Completion };

/** RFC 4314 §2: `anyone`, or the address of an account; with `-` before it what it grants is taken away. */
async function granteeOf(session: Session, mailbox: ReachedMailbox, identifier: string): Promise<Grantee> {
  const negative = identifier.startsWith('-');
  const name = (negative ? identifier.slice(1) : identifier).toLowerCase();
  if (name === 'anyone') return { kind: 'grantee', id: 'anyone', negative };
  const refused = (completion: Completion): Grantee => ({ kind: 'refused', completion });
  const { accounts } = session.mailstore;
  // The directory knows whom an address means today; who was granted rights stays known by the account.
  const answer = name.includes('@') ? await session.services.directory.lookUp(name) : undefined;
  if (answer?.kind === 'unknown') return refused(no('UNAVAILABLE', 'The directory does not answer'));
  let account = await accounts.find(name);
  if (answer?.kind === 'account') {
    const ensured = await accounts.ensure(answer.account);
    if (ensured.kind === 'address-taken') return refused(no('UNAVAILABLE', 'The account is not known at the moment'));
    account = ensured.account;
  }
  if (account === undefined) return refused(no('CANNOT', 'No such user'));
  return account.id === mailbox.accountId ? { kind: 'owner' } : { kind: 'grantee', id: account.id, negative };
}

function readMailbox(args: ArgumentReader): string {
  args.space();
  return args.astring();
}

function readNaming(args: ArgumentReader): Naming {
  const mailbox = readMailbox(args);
  args.space();
  const identifier = args.astring();
  // RFC 4314 §3: one of which nothing is left, or that no SASLprep would let pass, is BAD.
  if (/^-?$|[\x00-\x1f\x7f]/.test(identifier)) args.fail('bad identifier');
  return { mailbox, identifier };
}

/** RFC 4314 §3.1: a right that is not known is BAD, and so is one in upper case. */
function readRights(args: ArgumentReader, text: string): Rights {
  const rights = new Set<string>();
  for (const right of text) {
    const members = right === 'c' ? CREATE_MEMBERS : right === 'd' ? DELETE_MEMBERS : right;
    if (!/[lrswipkxteacd]/.test(right)) args.fail(`unknown right ${right}`);
    for (const member of members) rights.add(member);
  }
  return rights;
}
