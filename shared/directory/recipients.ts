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
}

const DEFAULT_MAX_DEPTH = 10;
const DEFAULT_MAX_TARGETS = 1_000;
/** Questions asked at a time: an alias of a thousand targets shall not fill the directory's pool. */
const QUESTIONS_AT_ONCE = 16;

interface Step {
  readonly address: string;
  readonly via: readonly string[];
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
  let level: Step[] = [{ address, via: [] }];

  while (level.length > 0) {
    const answers = await askAll(directory, level);
    const unknown = answers.find((answer) => answer.kind === 'unknown');
    if (unknown !== undefined) return unknown;
    const next: Step[] = [];
    for (const [index, step] of level.entries()) {
      const answer = answers[index]!;
      if (answer.kind === 'account') {
        if (!accounts.has(answer.account.uuid)) {
          accounts.set(answer.account.uuid, { account: answer.account, via: step.via });
        }
      } else if (answer.kind === 'refused') {
        if (answer.why === 'no-such-domain' && step.via.length > 0) {
          outside.set(outsideKey(step.address), step.address);
        } else {
          refusal ??= answer.why;
        }
      } else if (answer.kind === 'alias') {
        if (step.via.length >= maxDepth) return { kind: 'failed', why: 'too-deep', at: step.address };
        const via = [...step.via, step.address];
        for (const target of answer.targets) {
          const full = qualify(target, limits.defaultDomain);
          if (full === undefined) {
            refusal ??= 'no-such-user';
            continue;
          }
          const key = full.toLowerCase();
          const from = step.address.toLowerCase();
          leadsTo.set(from, [...(leadsTo.get(from) ?? []), key]);
          if (reaches(leadsTo, key, from)) return { kind: 'failed', why: 'loop', at: full };
          if (followed.has(key)) continue;
          followed.add(key);
          if (followed.size > maxTargets) return { kind: 'failed', why: 'too-many-targets', at: address };
          next.push({ address: full, via });
        }
      }
    }
    level = next;
  }

  if (accounts.size > 0 || outside.size > 0) {
    return { kind: 'resolved', accounts: [...accounts.values()], outside: [...outside.values()] };
  }
  return { kind: 'refused', why: refusal ?? 'no-such-user' };
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

function qualify(target: string, defaultDomain: string | undefined): string | undefined {
  const trimmed = target.trim();
  if (trimmed === '') return undefined;
  if (trimmed.includes('@')) return trimmed;
  return defaultDomain === undefined ? undefined : `${trimmed}@${defaultDomain}`;
}

/** Outside, the local part may tell case (RFC 5321 §2.4); the domain never does. */
function outsideKey(address: string): string {
  const at = address.lastIndexOf('@');
  return `${address.slice(0, at)}${address.slice(at).toLowerCase()}`;
}
