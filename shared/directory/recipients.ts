import type { Account, AddressAnswer, AddressRefusal, Directory } from './directory.ts';

/** What one address of RCPT comes to. */
export type Expansion =
  /** At least one of both lists has an element; none stands twice. */
  | { readonly kind: 'resolved'; readonly accounts: readonly ResolvedAccount[]; readonly outside: readonly string[] }
  | { readonly kind: 'refused'; readonly why: AddressRefusal }
  /** The directory did not tell about the address or about one of its targets: 451, never a partial delivery. */
  | { readonly kind: 'unknown'; readonly cause: string }
  /** The directory holds something that cannot be delivered: a loop, or more than the limits allow. */
  | { readonly kind: 'failed'; readonly why: 'loop' | 'too-many-targets' | 'too-deep'; readonly at: string };

export interface ResolvedAccount {
  readonly account: Account;
  /** The aliases that led here, the asked address first; empty when the address is the account's own. */
  readonly via: readonly string[];
}

export interface ExpansionLimits {
  /** Domain of bare targets (`maildrop: postmaster`); without one they are refused. */
  readonly defaultDomain?: string | undefined;
  /** Most aliases on the way to one account. */
  readonly maxDepth?: number;
  /** Most targets that are looked at for one address. */
  readonly maxTargets?: number;
  /**
   * Who gets the mail of postmaster@ and abuse@ in hosted domains that have neither: an address, or a bare name of the
   * default domain. Unset leaves them refused.
   */
  readonly sitePostmaster?: string | undefined;
  /** Follows the forwards of accounts too. Only the tier that sends mail on does: what it passes inwards is final. */
  readonly followForwards?: boolean;
}

const DEFAULT_MAX_DEPTH = 10;
const DEFAULT_MAX_TARGETS = 1_000;
/** Questions asked at a time: an alias of a thousand targets shall not fill the directory's pool. */
const QUESTIONS_AT_ONCE = 16;

interface Step {
  readonly address: string;
  readonly via: readonly string[];
  /** The domain has to be hosted here: the address came from a domain alias, and was checked by nobody yet. */
  readonly mustBeHere?: boolean;
}

/**
 * Follows aliases until only accounts and outside addresses are left. An address that is not hosted here is outside
 * when an alias names it, and refused when it is the asked one. Targets that are refused are left out as long as
 * another one is good; two aliases to one account give it once.
 */
export async function expandRecipient(
  directory: Directory,
  address: string,
  limits: ExpansionLimits = {},
): Promise<Expansion> {
  const maxDepth = limits.maxDepth ?? DEFAULT_MAX_DEPTH;
  const maxTargets = limits.maxTargets ?? DEFAULT_MAX_TARGETS;
  const accounts = new Map<string, ResolvedAccount>();
  const outside = new Map<string, string>();
  const followed = new Set<string>([address.toLowerCase()]);
  const leadsTo = new Map<string, string[]>();
  let refusal: AddressRefusal | undefined;
  let failure: Expansion | undefined;
  let level: Step[] = [{ address, via: [] }];
  let next: Step[] = [];

  /** Takes up the targets of one step; `mayReturn` when one that leads back is harmless, because this one ends here. */
  const follow = (step: Step, targets: readonly string[], mayReturn: boolean): void => {
    if (step.via.length >= maxDepth) {
      failure = { kind: 'failed', why: 'too-deep', at: step.address };
      return;
    }
    const via = [...step.via, step.address];
    const from = step.address.toLowerCase();
    for (const target of targets) {
      const full = qualify(target, step.address, limits.defaultDomain);
      if (full === undefined) {
        refusal ??= 'no-such-user';
        continue;
      }
      const key = full.toLowerCase();
      if (!mayReturn) {
        leadsTo.set(from, [...(leadsTo.get(from) ?? []), key]);
        if (reaches(leadsTo, key, from)) failure = { kind: 'failed', why: 'loop', at: full };
      }
      if (followed.has(key)) continue;
      followed.add(key);
      if (followed.size > maxTargets) failure = { kind: 'failed', why: 'too-many-targets', at: address };
      if (failure !== undefined) return;
      next.push({ address: full, via, mustBeHere: target.trim().startsWith('@') });
    }
  };

  while (level.length > 0) {
    const answers = await askAll(directory, level);
    const unknown = answers.find((answer) => answer.kind === 'unknown');
    if (unknown !== undefined) return unknown;
    next = [];
    for (const [index, step] of level.entries()) {
      const answer = answers[index]!;
      if (answer.kind === 'account') {
        const { account } = answer;
        const forwards = limits.followForwards === true ? account.forwards : [];
        const keeps = forwards.length === 0 || account.forwardOnly !== true;
        if (keeps && !accounts.has(account.uuid)) accounts.set(account.uuid, { account, via: step.via });
        if (forwards.length > 0) follow(step, forwards, keeps);
      } else if (answer.kind === 'alias') {
        follow(step, answer.targets, false);
      } else if (answer.kind === 'refused') {
        const stand = answer.why === 'no-such-user' ? standIn(step.address, limits) : undefined;
        if (stand !== undefined) follow(step, [stand], false);
        else if (answer.why === 'no-such-domain' && mayBeOutside(step, limits)) {
          outside.set(outsideKey(step.address), step.address);
        } else refusal ??= answer.why;
      }
      if (failure !== undefined) return failure;
    }
    level = next;
  }

  if (accounts.size > 0 || outside.size > 0) {
    return { kind: 'resolved', accounts: [...accounts.values()], outside: [...outside.values()] };
  }
  return { kind: 'refused', why: refusal ?? 'no-such-user' };
}

/**
 * RFC 5321 §4.5.1, RFC 2142 §4: postmaster and abuse are there in every domain. Where the directory has none, abuse
 * stands for the domain's postmaster, and that one for the site's.
 */
function standIn(address: string, { sitePostmaster, defaultDomain }: ExpansionLimits): string | undefined {
  if (sitePostmaster === undefined) return undefined;
  const [local, domain] = splitAddress(address.toLowerCase());
  if (local === 'abuse' && domain !== '') return `postmaster@${domain}`;
  if (local !== 'postmaster') return undefined;
  return qualify(sitePostmaster, address, defaultDomain)?.toLowerCase() === address.toLowerCase()
    ? undefined
    : sitePostmaster;
}

/** A target of an alias that is not hosted here is outside, unless it was to be here. */
function mayBeOutside(step: Step, { defaultDomain }: ExpansionLimits): boolean {
  if (step.via.length === 0 || step.mustBeHere === true) return false;
  return splitAddress(step.address.toLowerCase())[1] !== defaultDomain?.toLowerCase();
}

async function askAll(directory: Directory, steps: readonly Step[]): Promise<AddressAnswer[]> {
  const answers: AddressAnswer[] = [];
  for (let start = 0; start < steps.length; start += QUESTIONS_AT_ONCE) {
    const some = steps.slice(start, start + QUESTIONS_AT_ONCE);
    answers.push(...(await Promise.all(some.map((step) => directory.lookUp(step.address)))));
  }
  return answers;
}

/** Whether following aliases from `start` comes to `goal`; aliases followed twice by two ways are no loop. */
function reaches(leadsTo: ReadonlyMap<string, readonly string[]>, start: string, goal: string): boolean {
  const seen = new Set<string>();
  const open = [start];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at === goal) return true;
    if (seen.has(at)) continue;
    seen.add(at);
    open.push(...(leadsTo.get(at) ?? []));
  }
  return false;
}

/** A target as a whole address: `@domain` takes the local part of `source`, a bare name the default domain. */
function qualify(target: string, source: string, defaultDomain: string | undefined): string | undefined {
  const trimmed = target.trim();
  if (trimmed === '' || trimmed === '@') return undefined;
  if (trimmed.startsWith('@')) return `${splitAddress(source)[0]}${trimmed}`;
  if (trimmed.includes('@')) return trimmed;
  return defaultDomain === undefined ? undefined : `${trimmed}@${defaultDomain}`;
}

function splitAddress(address: string): readonly [local: string, domain: string] {
  const at = address.lastIndexOf('@');
  return at < 0 ? [address, ''] : [address.slice(0, at), address.slice(at + 1)];
}

/** Outside, the local part may tell case (RFC 5321 §2.4); the domain never does. */
function outsideKey(address: string): string {
  const at = address.lastIndexOf('@');
  return `${address.slice(0, at)}${address.slice(at).toLowerCase()}`;
}
