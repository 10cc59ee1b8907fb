import { markDeleted, undoDeletion } from '../administration/deletion.ts';
import {
  changeDomain,
  changePostmasters,
  createDomain,
  type DomainSettings,
  listDomains,
  postmastersOf,
} from '../administration/domains.ts';
import { findDomain } from '../administration/find.ts';
import { done } from '../administration/outcome.ts';
import { required, Usage } from './command.ts';
import { all, PAGE, type Work, wordOf } from './work.ts';

/** How the settings of a domain are written: `editAccounts=no maxAccounts=200`; the names are those of the API and of the JSON that is printed. */
const SWITCHES = ['editAccounts', 'editPostmasters', 'editCatchAll'] as const;
const NUMBERS = ['maxAccounts', 'maxAliases', 'maxQuotaBytes'] as const;
const TEXTS = ['description', 'transport'] as const;
export const DOMAIN_SETTINGS: readonly string[] = [...SWITCHES, ...NUMBERS, ...TEXTS];

function settingsIn(words: readonly string[]): DomainSettings {
  if (words.length === 0) throw new Usage(`say what: ${DOMAIN_SETTINGS.map((name) => `${name}=…`).join(' ')}`);
  const settings: Record<string, string | boolean | number> = {};
  for (const word of words) {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
    const one = <N extends string>(names: readonly N[]): N | undefined => names.find((known) => known === name);
    const [asSwitch, asNumber, asText] = [one(SWITCHES), one(NUMBERS), one(TEXTS)];
    if (asSwitch !== undefined) settings[asSwitch] = yesOrNo(word, value);
    else if (asNumber !== undefined) settings[asNumber] = numberOf(word, value);
    else if (asText !== undefined) settings[asText] = value;
    else throw new Usage(`${word}: the settings of a domain are ${DOMAIN_SETTINGS.join(', ')}`);
  }
  return settings;
}

function yesOrNo(word: string, value: string): boolean {
  if (value !== 'yes' && value !== 'no') throw new Usage(`${word}: yes or no`);
  return value === 'yes';
}

function numberOf(word: string, value: string): number {
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new Usage(`${word}: a number; 0 is no limit`);
  return number;
}

/** Domains: who they are, whether they are open, what their postmasters may do. */
export const domain: Work = async (parts, acting, input) => {
  const verb = input.words[0] ?? 'list';
  if (verb === 'list') return all((cursor) => listDomains(parts, acting, { search: '', cursor, size: PAGE }));
  const name = wordOf(input, 1, 'the name of the domain');
  switch (verb) {
    case 'show': {
      const found = await findDomain(parts, acting, name);
      return found.kind === 'done'
        ? done({ ...found.value, postmasters: await postmastersOf(parts, acting, found.value.name) })
        : found;
    }
    case 'create':
      return createDomain(parts, acting, { name, postmaster: required(input, 'postmaster') });
    case 'set':
      return changeDomain(parts, acting, name, settingsIn(input.words.slice(2)));
    case 'suspend':
    case 'resume':
      return changeDomain(parts, acting, name, { active: verb === 'resume' });
    case 'delete':
      return markDeleted(parts, acting, 'domain', name);
    case 'undo':
      return undoDeletion(parts, acting, 'domain', name);
    default:
      throw new Usage('domain knows: list, show, create, set, suspend, resume, delete, undo');
  }
};

/** Who administers a domain. */
export const postmaster: Work = async (parts, acting, input) => {
  const verb = wordOf(input, 0, 'list, add or remove');
  const name = wordOf(input, 1, 'the name of the domain');
  if (verb === 'list') {
    const found = await findDomain(parts, acting, name);
    return found.kind === 'done' ? done(await postmastersOf(parts, acting, found.value.name)) : found;
  }
  if (verb !== 'add' && verb !== 'remove') throw new Usage('postmaster knows: list, add, remove');
  const address = wordOf(input, 2, 'the address');
  return changePostmasters(parts, acting, name, { operation: verb === 'add' ? 'add' : 'delete', address });
};
