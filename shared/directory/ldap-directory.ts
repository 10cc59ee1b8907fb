import { readFileSync } from 'node:fs';
import type { Log } from '../runtime/log.ts';
import { type AddressRules, askFor } from './address-question.ts';
import type { Directory } from './directory.ts';
import { type LdapEndpoint, LdapFault } from './ldap-connection.ts';
import { LdapPool } from './ldap-pool.ts';
import { courierPreset } from './presets/courier.ts';
import { anyOf, comparableDn, equals } from './presets/entry.ts';
import { jammPreset } from './presets/jamm.ts';
import type { AddressQuestion, DirectoryPreset, Reading } from './presets/preset.ts';
import type { DirectorySettings } from './settings.ts';
import { signIn } from './sign-in.ts';

/** More entries than one address can have; a directory that sends more is asked something else than we think. */
const MAX_ENTRIES = 100;
/** Look-ups on one connection at a time: LDAP answers them in any order. */
const LOOK_UPS_IN_FLIGHT = 64;

/**
 * The directory over LDAP: questions go over a small pool, users' binds over connections of their own. Opens nothing
 * until the first question, never throws for a directory that is away (that is `unknown`), and comes back by itself.
 * Answers are not cached; see cached-directory.ts.
 *
 * @throws when the settings cannot work at all: an unreadable CA file, a bad DN or URL, or a preset that is not there yet
 */
export function openLdapDirectory(settings: DirectorySettings, log: Log): Directory {
  const preset = choosePreset(settings);
  const { baseDn, defaultDomain, subaddressSeparator } = settings;
  const base = comparableDn(baseDn);
  const ca = readFileSync(settings.ca, 'utf8');
  const endpoints = settings.urls.map((url) => readEndpoint(url, settings, ca));
  const common = { endpoints, maxConnections: settings.connections, timeoutMs: settings.timeoutMs, log };
  const bindAs = settings.bindDn === '' ? undefined : { dn: settings.bindDn, password: settings.bindPassword };
  if (bindAs?.password === '') throw new Error(`directory.bindPassword: ${bindAs.dn} needs a password`);
  const lookUps = new LdapPool({ ...common, bindAs, maxInFlight: LOOK_UPS_IN_FLIGHT });
  const binds = new LdapPool({ ...common, maxInFlight: 1 });

  const read = async (question: AddressQuestion): Promise<Reading> => {
    // The base entry is part of every answer: if we may not read even that, "no entries" says nothing (invariant 4).
    const filter = anyOf(equals('entryDN', baseDn), preset.filter(question));
    const wanted = { baseDn, filter, attributes: preset.attributes, maxEntries: MAX_ENTRIES };
    const entries = await lookUps.use((connection, timeoutMs) => connection.search(wanted, timeoutMs));
    if (!entries.some((entry) => comparableDn(entry.dn) === base)) {
      return { answer: { kind: 'unknown', cause: `the base entry ${baseDn} is not in the answer` } };
    }
    return preset.read(entries, question);
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

  return {
    lookUp: async (address) => (await ask(address, rules)).answer,
    signIn: (request) =>
      signIn(request, {
        find,
        binds,
        nobodyDn: preset.nobodyDn(baseDn),
        defaultServices: settings.defaultServices,
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

function choosePreset(settings: DirectorySettings): DirectoryPreset {
  switch (settings.preset) {
    case 'jamm':
      return jammPreset;
    case 'courier':
      return courierPreset(settings.defaultServices);
    default:
      throw new Error(`directory.preset: ${settings.preset} is not there yet; jamm and courier are`);
  }
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
