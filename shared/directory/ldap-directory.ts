import { readFileSync } from 'node:fs';
import type { Filter } from 'ldapjs';
import type { Log } from '../runtime/log.ts';
import { type AddressRules, askFor } from './address-question.ts';
import { APP_PASSWORD_CLASS, appPasswordDn, placeOfAppPasswords } from './app-password-entry.ts';
import type { AppPasswordAnswer, Directory } from './directory.ts';
import { type LdapEndpoint, type LdapEntry, LdapFault } from './ldap-connection.ts';
import { LdapPool } from './ldap-pool.ts';
import { activeDirectoryPreset } from './presets/active-directory.ts';
import { courierPreset } from './presets/courier.ts';
import { dbmailPreset } from './presets/dbmail.ts';
import { decide } from './presets/decide.ts';
import { all, anyOf, comparableDn, equals } from './presets/entry.ts';
import { jammPreset } from './presets/jamm.ts';
import type { AddressQuestion, DirectoryPreset, Reading, Unreadable } from './presets/preset.ts';
import { qmailLdapPreset } from './presets/qmail-ldap.ts';
import { SHELL_USER_ATTRIBUTES, shellUserFilter, shellUsers } from './presets/shell-users.ts';
import type { DirectorySettings } from './settings.ts';
import { type ShellPasswords, signIn } from './sign-in.ts';

/** More entries than one address can have; a directory that sends more is asked something else than we think. */
const MAX_ENTRIES = 100;
/** Members of one group; more is an error of the directory, never a part of them (RFC 4511 §4.5.1.4). */
const MAX_MEMBERS = 1_000;
/** Look-ups on one connection at a time: LDAP answers them in any order. */
const LOOK_UPS_IN_FLIGHT = 64;

/**
 * The directory over LDAP: questions go over a small pool, users' binds over connections of their own. Opens nothing
 * until the first question, never throws for a directory that is away (that is `unknown`), and comes back by itself.
 * Answers are not cached; see cached-directory.ts.
 *
 * @param shellPasswords judges the passwords of people with a shell account, where the directory does not
 * @throws when the settings cannot work at all: an unreadable CA file or a bad DN or URL
 */
export function openLdapDirectory(settings: DirectorySettings, log: Log, shellPasswords?: ShellPasswords): Directory {
  const preset = choosePreset(settings);
  const { baseDn, defaultDomain, subaddressSeparator } = settings;
  const endpoints = readEndpoints(settings);
  const common = { endpoints, maxConnections: settings.connections, timeoutMs: settings.timeoutMs, log };
  const bindAs = settings.bindDn === '' ? undefined : { dn: settings.bindDn, password: settings.bindPassword };
  if (bindAs?.password === '') throw new Error(`directory.bindPassword: ${bindAs.dn} needs a password`);
  const lookUps = new LdapPool({ ...common, bindAs, maxInFlight: LOOK_UPS_IN_FLIGHT });
  const binds = new LdapPool({ ...common, maxInFlight: 1 });

  const entryAt = preset.entryAt ?? ((dn: string) => equals('entryDN', dn));

  /** All entries below `base` that match, or the reason why the answer is none. */
  const search = async (
    base: string,
    filter: Filter,
    attributes: readonly string[],
    maxEntries: number,
  ): Promise<LdapEntry[] | Unreadable> => {
    // The base entry is part of every answer: if we may not read even that, "no entries" says nothing (invariant 4).
    const wanted = { baseDn: base, filter: anyOf(entryAt(base), filter), attributes, maxEntries };
    const entries = await lookUps.use((connection, timeoutMs) => connection.search(wanted, timeoutMs));
    const comparable = comparableDn(base);
    const complete = entries.some((entry) => comparableDn(entry.dn) === comparable);
    return complete ? entries : { unreadable: `the base entry ${base} is not in the answer` };
  };

  const read = async (question: AddressQuestion): Promise<Reading> => {
    const shellBase = question.isDefaultDomain ? settings.shellUsersBaseDn : undefined;
    const [entries, shell] = await Promise.all([
      search(baseDn, preset.filter(question), preset.attributes, MAX_ENTRIES),
      shellBase === undefined ? [] : search(shellBase, shellUserFilter(question), SHELL_USER_ATTRIBUTES, MAX_ENTRIES),
    ]);
    if ('unreadable' in entries) return unknown(entries.unreadable);
    if ('unreadable' in shell) return unknown(shell.unreadable);
    const facts = preset.read(entries, question);
    // Where people have shell accounts, the default domain is there because their base is.
    const hosted = facts.domain === 'not-hosted' && shellBase !== undefined;
    const { groupDns, ...reading } = decide(hosted ? { ...facts, domain: 'hosted' } : facts, question, (address) =>
      shellUsers(shell, address),
    );
    return groupDns === undefined ? reading : await withMembers(reading, groupDns);
  };

  const withMembers = async (reading: Reading, groupDns: readonly string[]): Promise<Reading> => {
    const { members } = preset;
    if (members === undefined || reading.answer.kind !== 'alias') return reading;
    const targets = new Set(reading.answer.targets);
    for (const groupDn of groupDns) {
      const entries = await search(baseDn, members.filter(groupDn), preset.attributes, MAX_MEMBERS);
      if ('unreadable' in entries) return unknown(entries.unreadable);
      for (const entry of entries) {
        const address = comparableDn(entry.dn) === comparableDn(baseDn) ? undefined : members.address(entry);
        if (address !== undefined) targets.add(address);
      }
    }
    if (targets.size === 0) return { answer: { kind: 'refused', why: 'alias-inactive' } };
    return { answer: { ...reading.answer, targets: [...targets] } };
  };

  const ask = async (address: string, rules: AddressRules): Promise<Reading> => {
    const question = askFor(address, rules);
    if (question === undefined) return { answer: { kind: 'refused', why: 'no-such-user' } };
    try {
      return await read(question);
    } catch (error) {
      if (!(error instanceof LdapFault)) throw error;
      log.warn({ event: 'directory-does-not-tell', address: question.address, cause: error.message });
      return { answer: { kind: 'unknown', cause: error.message } };
    }
  };

  const rules: AddressRules = { baseDn, defaultDomain, subaddressSeparator };
  const exactly: AddressRules = { ...rules, subaddressSeparator: '' };
  /** A user name that cannot be an address is asked for all the same: its refusal shall take as long. */
  const find = (user: string): Promise<Reading> =>
    ask(askFor(user, exactly) === undefined ? 'nobody@nowhere.invalid' : user, exactly);

  const appPasswordServices = async (dn: string): Promise<readonly string[]> => {
    const entries = await search(dn, equals('objectClass', APP_PASSWORD_CLASS), ['authorizedService'], 2);
    if ('unreadable' in entries) throw new LdapFault('answered', entries.unreadable);
    return entries.flatMap((entry) => all(entry, 'authorizedservice'));
  };

  /** Asked of the entry above it, which is in the answer whether the app password is there or not. */
  const findAppPassword: Directory['findAppPassword'] = async (account, name): Promise<AppPasswordAnswer> => {
    const dn = appPasswordDn(settings, account, name);
    const wanted = comparableDn(dn);
    try {
      const place = placeOfAppPasswords(settings, account);
      const entries = await search(place, entryAt(dn), ['authorizedService'], 2);
      if ('unreadable' in entries) return { kind: 'unknown', cause: entries.unreadable };
      const entry = entries.find((one) => comparableDn(one.dn) === wanted);
      return entry === undefined ? { kind: 'gone' } : { kind: 'there', services: all(entry, 'authorizedservice') };
    } catch (error) {
      if (!(error instanceof LdapFault)) throw error;
      return { kind: 'unknown', cause: error.message };
    }
  };

  return {
    lookUp: async (address) => (await ask(address, rules)).answer,
    findAppPassword,
    signIn: (request) =>
      signIn(request, {
        find,
        binds,
        nobodyDn: preset.nobodyDn(baseDn),
        defaultServices: settings.defaultServices,
        shellPasswords,
        appPasswordDn: (account, name) => appPasswordDn(settings, account, name),
        appPasswordServices,
      }),
    async check() {
      const { answer } = await ask('nobody@nowhere.invalid', exactly);
      return answer.kind === 'unknown' ? { ok: false, cause: answer.cause } : { ok: true };
    },
    async close() {
      lookUps.close();
      binds.close();
    },
  };
}

function choosePreset({ preset, defaultServices, domains }: DirectorySettings): DirectoryPreset {
  switch (preset) {
    case 'jamm':
      return jammPreset;
    case 'courier':
      return courierPreset(defaultServices, domains);
    case 'active-directory':
      return activeDirectoryPreset(domains);
    case 'dbmail':
      return dbmailPreset(domains);
    case 'qmail-ldap':
      return qmailLdapPreset(domains);
  }
}

function unknown(cause: string): Reading {
  return { answer: { kind: 'unknown', cause } };
}

/** The servers of the settings, in their order. Throws for a URL without a host. */
export function readEndpoints(settings: DirectorySettings): LdapEndpoint[] {
  const ca = readFileSync(settings.ca, 'utf8');
  return settings.urls.map((url) => readEndpoint(url, settings, ca));
}

function readEndpoint(url: string, settings: DirectorySettings, ca: string): LdapEndpoint {
  const parsed = new URL(url);
  const implicitTls = parsed.protocol === 'ldaps:';
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  if (host === '') throw new Error(`directory.urls: ${url} names no host`);
  return {
    url,
    host,
    port: parsed.port === '' ? (implicitTls ? 636 : 389) : Number(parsed.port),
    implicitTls,
    certificateName: settings.serverName ?? host,
    ca,
    localAddress: settings.localAddress,
  };
}
