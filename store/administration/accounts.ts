import { randomInt } from 'node:crypto';
import type { AttributeChange } from '@postern/shared/directory/person-directory.ts';
import { appPasswordName } from '@postern/shared/sign-in/app-password.ts';
import { type Acting, type AdministrationParts, note, noteChange } from './acting.ts';
import { findAccount, findAlias, findDomain } from './find.ts';
import { mayHaveOneMore, withinQuotaLimit } from './limits.ts';
import { type Listed, type ListQuestion, listPage, type Page } from './lists.ts';
import { domainOf, readOwnAddress, readTarget, readText } from './names.ts';
import { done, type Outcome, refuse, refusedBy } from './outcome.ts';
import {
  type AccountEntry,
  addressDn,
  bool,
  IS_ACCOUNT,
  quotaText,
  readAccountEntry,
  serviceAttributes,
} from './tree.ts';
import { welcome } from './welcome.ts';

/** What may be said of an account; left out is left as it is. */
export interface AccountSettings {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly active?: boolean | undefined;
  /** Null: the site's default services. */
  readonly services?: readonly string[] | null | undefined;
  /** 0 is the store's default. */
  readonly quotaBytes?: number | undefined;
  readonly quotaMessages?: number | undefined;
  readonly forwards?: readonly string[] | undefined;
  readonly forwardOnly?: boolean | undefined;
}

export interface NewAccount extends AccountSettings {
  readonly address: string;
  /** Left out: one is generated and told once. */
  readonly password?: string | undefined;
  /** Language of the message of welcome; left out, none is sent. */
  readonly welcome?: 'en' | 'de' | 'fr' | undefined;
}

export interface AccountWithPassword {
  readonly account: AccountEntry;
  /** Only when it was generated. */
  readonly password?: string | undefined;
}

export const MIN_PASSWORD_LENGTH = 10;
const MAX_PASSWORD_LENGTH = 256;

const LISTED: Listed<AccountEntry> = {
  name: 'accounts',
  kind: IS_ACCOUNT,
  searched: ['mail', 'cn'],
  scope: 'sub',
  read: readAccountEntry,
};

export const listAccounts = (
  parts: AdministrationParts,
  acting: Acting,
  question: ListQuestion,
): Promise<Outcome<Page<AccountEntry>>> => listPage(parts, acting, LISTED, question);

export async function createAccount(
  parts: AdministrationParts,
  acting: Acting,
  given: NewAccount,
): Promise<Outcome<AccountWithPassword>> {
  const own = readOwnAddress(given.address);
  if (own === undefined) return refuse('invalid', 'This cannot be an address here', 'address');
  const domain = await findDomain(parts, acting, own.domain);
  if (domain.kind !== 'done') return domain;
  if ((await findAlias(parts, acting, own.address)).kind === 'done') {
    return refuse('exists', 'There is an alias of this address: an account would go before it', 'address');
  }
  const limited =
    (await mayHaveOneMore(parts, acting, domain.value, 'account')) ?? withinQuotaLimit(domain.value, given.quotaBytes);
  if (limited !== undefined) return limited;
  const password = given.password ?? generatePassword();
  const weak = passwordFault(password, own.address);
  if (weak !== undefined) return weak;
  const changes = settingsOf(
    { active: true, ...given },
    { classes: [], services: undefined, forwards: [], quotaBytes: 0, quotaMessages: 0 },
  );
  if ('kind' in changes) return changes;
  const attributes: Record<string, readonly string[]> = { mail: [own.address], accountActive: ['TRUE'] };
  const classes = ['JammMailAccount'];
  for (const { operation, attribute, values } of changes) {
    if (attribute === 'objectClass') classes.push(...values);
    else if (operation !== 'delete') attributes[attribute] = values;
  }
  const dn = addressDn(own.address, parts.directory.baseDn);
  const refused = refusedBy(await acting.person.add(dn, { objectClass: classes, ...attributes }));
  if (refused !== undefined) return refused;
  const notSet = refusedBy(await acting.person.setPassword(dn, password));
  if (notSet !== undefined) {
    await acting.person.remove(dn);
    return notSet;
  }
  const account = await findAccount(parts, acting, own.address);
  if (account.kind !== 'done') return account;
  await note(parts, acting, { action: 'account-created', domain: own.domain, target: own.address });
  if (given.welcome !== undefined) await welcome(parts, account.value, given.welcome);
  return done({ account: account.value, ...(given.password === undefined ? { password } : {}) });
}

export async function changeAccount(
  parts: AdministrationParts,
  acting: Acting,
  address: string,
  settings: AccountSettings,
): Promise<Outcome<AccountEntry>> {
  const found = await findAccount(parts, acting, address);
  if (found.kind !== 'done') return found;
  const { value } = found;
  if (value.deleted && settings.active === true)
    return refuse('state', 'The account is marked for deletion: undo that first');
  if (settings.quotaBytes !== undefined && value.dn.toLowerCase() !== acting.person.dn.toLowerCase()) {
    const domain = await findDomain(parts, acting, domainOf(value.address));
    const limited = domain.kind === 'done' ? withinQuotaLimit(domain.value, settings.quotaBytes) : undefined;
    if (limited !== undefined) return limited;
  }
  const changes = settingsOf(settings, value);
  if ('kind' in changes) return changes;
  if (changes.length > 0) {
    const refused = refusedBy(await acting.person.change(value.dn, changes));
    if (refused !== undefined) return refused;
  }
  const after = await findAccount(parts, acting, address);
  if (after.kind === 'done') {
    await noteChange(parts, acting, ['account', value.address], settings, { from: value, to: after.value });
  }
  return after;
}

/** Sets a password, or generates one and tells it once. What stood in for the old one (tokens of webmail) ends with it. */
export async function setAccountPassword(
  parts: AdministrationParts,
  acting: Acting,
  address: string,
  given: { readonly password?: string | undefined; readonly oldPassword?: string | undefined },
): Promise<Outcome<{ readonly password?: string | undefined }>> {
  const found = await findAccount(parts, acting, address);
  if (found.kind !== 'done') return found;
  const password = given.password ?? generatePassword();
  const weak = passwordFault(password, found.value.address);
  if (weak !== undefined) return weak;
  const result = await acting.person.setPassword(found.value.dn, password, given.oldPassword);
  if (given.oldPassword !== undefined && (result.code === 53 || result.code === 49 || result.code === 50)) {
    return refuse('forbidden', 'The old password is another one', 'oldPassword');
  }
  const refused = refusedBy(result);
  if (refused !== undefined) return refused;
  await endTokens(parts, found.value.address);
  const { address: target } = found.value;
  await note(parts, acting, { action: 'password-set', domain: domainOf(target), target });
  return done(given.password === undefined ? { password } : {});
}

/** Tokens of webmail stand in for the password that was. */
export async function endTokens({ mailstore }: AdministrationParts, address: string): Promise<void> {
  const stored = await mailstore.accounts.find(address);
  if (stored === undefined) return;
  for (const { name } of await mailstore.tokens.list(stored.id)) await mailstore.tokens.revoke(stored.id, name);
}

/** Four groups of five signs that nobody confuses: 94 bits. */
export function generatePassword(): string {
  const signs = 'abcdefghjkmnpqrstuvwxyz23456789';
  const group = (): string => Array.from({ length: 5 }, () => signs[randomInt(signs.length)]).join('');
  return [group(), group(), group(), group()].join('-');
}

export function passwordFault(password: string, address: string): ReturnType<typeof refuse> | undefined {
  if (password.length < MIN_PASSWORD_LENGTH) {
    return refuse('invalid', 'A password has {least} signs at least', 'password', { least: MIN_PASSWORD_LENGTH });
  }
  if (password.length > MAX_PASSWORD_LENGTH || /[\x00-\x1f\x7f]/.test(password)) {
    return refuse('invalid', 'A password is one line of 256 signs at most', 'password');
  }
  if (password.toLowerCase().includes(address.split('@')[0] ?? '') && password.length < 2 * MIN_PASSWORD_LENGTH) {
    return refuse('invalid', 'The password contains the name of the account', 'password');
  }
  // It would be taken for one of its own, and never work (docs/sign-in.md).
  return appPasswordName(password) === undefined
    ? undefined
    : refuse('invalid', 'This is the form of app passwords', 'password');
}

type Before = Pick<AccountEntry, 'classes' | 'services' | 'forwards' | 'quotaBytes' | 'quotaMessages'>;

/** The changes that make the settings so, the classes that they need among them. */
function settingsOf(settings: AccountSettings, before: Before): AttributeChange[] | ReturnType<typeof refuse> {
  const changes: AttributeChange[] = [];
  const replace = (attribute: string, values: readonly string[]): void => {
    changes.push({ operation: 'replace', attribute, values });
  };
  const needClass = (name: string): void => {
    if (before.classes.some((known) => known.toLowerCase() === name.toLowerCase())) return;
    changes.push({ operation: 'add', attribute: 'objectClass', values: [name] });
  };
  for (const [what, attribute] of [
    ['name', 'cn'],
    ['description', 'description'],
  ] as const) {
    const value = settings[what];
    if (value === undefined) continue;
    const text = readText(value);
    if (text === undefined) return refuse('invalid', 'One line of 200 signs at most', what);
    replace(attribute, text === '' ? [] : [text]);
  }
  if (settings.active !== undefined) replace('accountActive', [bool(settings.active)]);
  if (settings.quotaBytes !== undefined || settings.quotaMessages !== undefined) {
    const text = quotaText(settings.quotaBytes ?? before.quotaBytes, settings.quotaMessages ?? before.quotaMessages);
    replace('quota', text === '' ? [] : [text]);
  }
  if (settings.services !== undefined) {
    const services = settings.services ?? undefined;
    if (services?.some((service) => !/^[a-z0-9-]{1,32}$/.test(service)) === true) {
      return refuse('invalid', 'A service is a word of small letters', 'services');
    }
    if (services !== undefined) needClass('authorizedServiceObject');
    if (services !== undefined || before.services !== undefined) {
      replace('authorizedService', serviceAttributes(services).authorizedService ?? []);
    }
  }
  if (settings.forwards !== undefined) {
    const forwards = settings.forwards.map((text) => readTarget(text, false));
    if (forwards.length > 50 || forwards.includes(undefined)) {
      return refuse('invalid', 'Each forward is an address; fifty at most', 'forwards');
    }
    const targets = [...new Set(forwards as string[])];
    if (targets.length > 0) needClass('posternForwarding');
    if (targets.length > 0 || before.forwards.length > 0) replace('forwardTo', targets);
  }
  if (settings.forwardOnly !== undefined) {
    const targets = settings.forwards ?? before.forwards;
    if (settings.forwardOnly && targets.length === 0) {
      return refuse('invalid', 'Without a forward the mail would be lost', 'forwardOnly');
    }
    const known = before.classes.some((name) => name.toLowerCase() === 'posternforwarding');
    if (settings.forwardOnly || known) replace('forwardOnly', settings.forwardOnly ? ['TRUE'] : []);
  } else if (settings.forwards?.length === 0 && before.forwards.length > 0) {
    replace('forwardOnly', []);
  }
  // Attributes of a class come after it.
  return changes.sort((a, b) => Number(b.attribute === 'objectClass') - Number(a.attribute === 'objectClass'));
}
