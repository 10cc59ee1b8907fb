import { createHash } from 'node:crypto';
import type { Mailstore, StoredAccount } from '../../mailstore/mailstore.ts';
import { type CompiledScript, compileScript } from '../../sieve/compiler.ts';
import type { IncludeName, Program } from '../../sieve/program.ts';
import type { ScriptError } from '../../sieve/script-error.ts';
import type { SiteScripts } from './site-scripts.ts';
import { vacationScript } from './vacation-script.ts';

/** One script of those that a message goes through. */
export interface RuleLink {
  readonly name: string;
  /** `vacation` is of the out-of-office settings: it adds an answer to what the others decide. */
  readonly kind: 'site' | 'own' | 'vacation';
  /** Or why it cannot run. */
  readonly program: Program | ScriptError;
  readonly include: (name: IncludeName) => Program | undefined;
  readonly asksForMailboxes: boolean;
}

/** What mail for an account goes through, under the version by which it was read. */
export interface RulesOfAccount {
  readonly version: number;
  /** Empty: everything is kept. */
  readonly links: readonly RuleLink[];
}

/** Accounts whose rules are kept in memory, and distinct scripts. */
const MAX_ACCOUNTS = 50_000;
const MAX_PROGRAMS = 2_000;

/**
 * The rules of accounts, compiled and kept. A delivery is committed under the version that it was judged by, so what is kept here
 * may be old without harm: the commit says so, and {@link AccountRulesCache.forget} makes room for the new.
 */
export class AccountRulesCache {
  readonly #mailstore: Mailstore;
  #site: SiteScripts;
  readonly #accounts = new Map<number, RulesOfAccount>();
  readonly #programs = new Map<string, CompiledScript>();

  constructor(mailstore: Mailstore, site: SiteScripts) {
    this.#mailstore = mailstore;
    this.#site = site;
  }

  get site(): SiteScripts {
    return this.#site;
  }

  /** The site's scripts changed. */
  useSite(site: SiteScripts): void {
    this.#site = site;
    this.#accounts.clear();
    this.#programs.clear();
  }

  /** At once for an account whose rules are known. */
  of(account: StoredAccount): RulesOfAccount | Promise<RulesOfAccount> {
    return this.#accounts.get(account.id) ?? this.#read(account);
  }

  forget(accountId: number): void {
    this.#accounts.delete(accountId);
  }

  async #read(account: StoredAccount): Promise<RulesOfAccount> {
    const site = this.#site;
    const { version, active, vacation } = await this.#mailstore.scripts.rules(account.id);
    const { before, after } = site.around(account.address.slice(account.address.lastIndexOf('@') + 1));
    const links: RuleLink[] = [];
    for (const each of before) links.push(await this.#link(account, 'site', each.name, each.program));
    if (active !== undefined) links.push(await this.#link(account, 'own', active.name, this.#compile(active.text)));
    for (const each of after) links.push(await this.#link(account, 'site', each.name, each.program));
    const answer = vacation === undefined ? undefined : vacationScript(vacation);
    if (answer !== undefined) links.push(await this.#link(account, 'vacation', 'vacation', this.#compile(answer)));
    const rules = { version, links };
    if (site === this.#site) {
      if (this.#accounts.size >= MAX_ACCOUNTS) this.#accounts.clear();
      this.#accounts.set(account.id, rules);
    }
    return rules;
  }

  /** With the scripts that it includes, and those that these include. */
  async #link(
    account: StoredAccount,
    kind: RuleLink['kind'],
    name: string,
    program: Program | ScriptError,
  ): Promise<RuleLink> {
    const personal = new Map<string, Program>();
    let asksForMailboxes = false;
    const waiting = 'steps' in program ? [program] : [];
    const seen = new Set<string>();
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      asksForMailboxes ||= next.asksForMailboxes;
      for (const wanted of next.includes) {
        const key = `${wanted.location}/${wanted.name}`;
        if (seen.has(key) || seen.size >= this.#site.language.limits.maxIncludes) continue;
        seen.add(key);
        const found = await this.#included(account, wanted);
        if (found === undefined) continue;
        if (wanted.location === 'personal') personal.set(wanted.name, found);
        waiting.push(found);
      }
    }
    const site = this.#site;
    const include = (wanted: IncludeName): Program | undefined =>
      wanted.location === 'personal' ? personal.get(wanted.name) : site.library(wanted.name);
    return { name, kind, program, include, asksForMailboxes };
  }

  async #included(account: StoredAccount, { location, name }: IncludeName): Promise<Program | undefined> {
    if (location === 'global') return this.#site.library(name);
    const text = await this.#mailstore.scripts.get(account.id, name);
    const compiled = text === undefined ? undefined : this.#compile(text);
    return compiled !== undefined && 'steps' in compiled ? compiled : undefined;
  }

  /** Accounts with the same script share its program. */
  #compile(text: string): Program | ScriptError {
    const key = createHash('sha256').update(text).digest('base64');
    const { limits, enabled } = this.#site.language;
    let compiled = this.#programs.get(key);
    if (compiled === undefined) {
      compiled = compileScript(text, limits, enabled);
      if (this.#programs.size >= MAX_PROGRAMS) this.#programs.clear();
      this.#programs.set(key, compiled);
    }
    return compiled.ok ? compiled.program : (compiled.errors[0] ?? { line: 1, column: 1, message: 'not a script' });
  }
}
