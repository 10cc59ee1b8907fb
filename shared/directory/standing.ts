import type { Account, AddressAnswer, AppPasswordAnswer, Directory, Service } from './directory.ts';
import { ASKS_FOR_FACTOR } from './sign-in.ts';

/** How a session that a password opened began. */
export interface OpenedBy {
  readonly service: Service;
  readonly entry: Account;
  /** Name of the app password that opened it; undefined: the main password. */
  readonly appPassword?: string | undefined;
}

/** Whether a session would be let in again; what the directory does not tell ends nothing (invariant 4). */
export type Standing =
  | { readonly kind: 'good' }
  /** `gone`: the account itself is not there, or not active; else signing in anew may help. */
  | { readonly kind: 'ended'; readonly why: string; readonly gone: boolean }
  | { readonly kind: 'unknown'; readonly cause: string };

const GOOD: Standing = { kind: 'good' };
const ended = (why: string, gone = false): Standing => ({ kind: 'ended', why, gone });
const lists = (services: readonly string[], service: Service): boolean =>
  services.some((allowed) => allowed.toLowerCase() === service);

/** What the directory says of the account of a session, and of the app password that opened it, if one did. */
export interface StandingFacts {
  readonly account: AddressAnswer;
  readonly appPassword?: AppPasswordAnswer | undefined;
}

export type StandingQuestions = Pick<Directory, 'lookUp' | 'findAppPassword'>;

/** Asks for them; sessions of the same account and app password may share one answer. */
export async function standingFacts(
  directory: StandingQuestions,
  { entry, appPassword }: OpenedBy,
): Promise<StandingFacts> {
  const account = await directory.lookUp(entry.address);
  if (appPassword === undefined) return { account };
  const entryNow = account.kind === 'account' ? account.account : entry;
  return { account, appPassword: await directory.findAppPassword(entryNow, appPassword) };
}

/** Judges a session as its sign-in would be judged now. */
export function standingBy(openedBy: OpenedBy, { account, appPassword }: StandingFacts): Standing {
  const ofAccount = byAccount(openedBy, account);
  if (appPassword === undefined || ofAccount.kind === 'ended') return ofAccount;
  const ofAppPassword = byAppPassword(openedBy, appPassword);
  return ofAppPassword.kind === 'good' ? ofAccount : ofAppPassword;
}

/** What the account's own entry says. An app password outlives a change of the main one. */
function byAccount({ service, entry, appPassword }: OpenedBy, answer: AddressAnswer): Standing {
  if (answer.kind === 'unknown') return answer;
  if (answer.kind !== 'account' || answer.account.uuid !== entry.uuid) {
    return ended('the account is gone or inactive', true);
  }
  const { services, passwordVersion, secondFactor } = answer.account;
  if (services !== undefined && !lists(services, service)) return ended('the service was taken away');
  if (appPassword !== undefined) return GOOD;
  const wantsAppPassword = secondFactor === true && entry.secondFactor !== true && !ASKS_FOR_FACTOR.has(service);
  if (wantsAppPassword) return ended('a second factor was turned on');
  const changed = passwordVersion !== undefined && passwordVersion !== entry.passwordVersion;
  return changed ? ended('the password was changed') : GOOD;
}

function byAppPassword({ service }: OpenedBy, answer: AppPasswordAnswer): Standing {
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'gone') return ended('the app password was taken away');
  return lists(answer.services, service) ? GOOD : ended('the app password is not for this service any more');
}
